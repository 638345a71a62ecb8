package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// bars shows a line for each task on a terminal: its name, a bar, how much of
// how much, the rate and the time left. A task whose total is not known has a
// block that moves to and fro, and the time it has taken.
type bars struct{ screen *screen }

// barsInterval is the time between two frames.
const barsInterval = 100 * time.Millisecond

func (bars) interval() time.Duration     { return barsInterval }
func (bars) changed(*board, *task, bool) {}
func (v bars) log(line string)           { v.screen.print(line) }
func (v bars) close()                    { v.screen.clear() }
func (v bars) tick(b *board) {
	b.sample()
	width, height := v.screen.room()
	lines := make([]string, 0, len(b.tasks))
	for _, t := range b.tasks {
		lines = append(lines, barLine(t, b.now(), width))
	}
	if over := len(lines) - height; over > 0 {
		lines = append(lines[:height-1], fit(fmt.Sprintf("and %d more", over+1), width))
	}
	v.screen.draw(lines)
}

// The columns of a line. The bar takes what the others leave.
const (
	nameColumns  = 22
	countColumns = 31
	leastBar     = 6
)

// barLine is the line of a task in at most width columns.
func barLine(t *task, now time.Time, width int) string {
	name := fit(printable(t.Task), nameColumns)
	counts := countText(t, now)
	room := width - nameColumns - countColumns - 4
	if room < leastBar {
		return narrowLine(strings.TrimRight(name, " "), counts, width)
	}
	return name + " [" + barText(t, now, room) + "] " + fit(counts, countColumns)
}

// narrowLine is a line without room for a bar: what there is room for of the
// name and then of the counts, of which the beginning matters.
func narrowLine(name, counts string, width int) string {
	const leastName, leastCount = 6, 5
	if width < leastName+leastCount {
		return fit(name, width)
	}
	room := max(leastName, width-1-utf8.RuneCountInString(counts))
	name = strings.TrimRight(fit(name, min(utf8.RuneCountInString(name), room, width-1-leastCount)), " ")
	return fit(name+" "+counts, width)
}

func barText(t *task, now time.Time, width int) string {
	if t.Total > 0 {
		filled := int(min(t.Done, t.Total) * int64(width) / t.Total)
		head := ""
		if filled > 0 && filled < width {
			head, filled = ">", filled-1
		}
		return fmt.Sprintf("%-*s", width, strings.Repeat("=", filled)+head)
	}
	const block = "<=>"
	span := width - len(block)
	at := int(now.Sub(t.begun)/barsInterval) % (2 * span)
	if at > span {
		at = 2*span - at
	}
	return fmt.Sprintf("%-*s", width, strings.Repeat(" ", at)+block)
}

// countText is how far a task is: "12.0/57.0 MiB  21%  5.2 MiB/s  0:08".
func countText(t *task, now time.Time) string {
	if t.Total <= 0 {
		text := clockText(now.Sub(t.begun))
		if t.Done > 0 {
			text = unitText(t.Done, t.Unit) + "  " + text
		}
		return text
	}
	text := fmt.Sprintf("%3d%% of %s", min(100, t.Done*100/t.Total), unitText(t.Total, t.Unit))
	if rate := t.rate(); rate > 0 {
		text += fmt.Sprintf(" %s/s", unitText(int64(rate), t.Unit))
	}
	if left := t.left(); left >= 0 {
		text += " " + clockText(left)
	}
	return text
}

func unitText(n int64, unit string) string {
	if unit == "bytes" {
		return bytesText(n)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, printable(unit)))
}

// clockText is a time in minutes and seconds, and hours if there are any.
func clockText(d time.Duration) string {
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// fit makes s exactly n columns wide. A character of more than one column, as
// names may have, would make a line too long: it becomes a question mark.
func fit(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r >= 0x1100 || r == '\n' || r == '\t' {
			return '?'
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > n {
		return string([]rune(s)[:n-1]) + "~"
	}
	return s + strings.Repeat(" ", n-utf8.RuneCountInString(s))
}
