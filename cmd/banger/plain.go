package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"banger/core"
)

// plain prints one line each ten seconds for all that is going on then: for
// logs and pipes.
type plain struct{ w io.Writer }

// plainInterval is the time between two lines.
const plainInterval = 10 * time.Second

func (plain) interval() time.Duration     { return plainInterval }
func (plain) changed(*board, *task, bool) {}
func (v plain) log(line string)           { _, _ = io.WriteString(v.w, line) }
func (plain) close()                      {}

func (v plain) tick(b *board) {
	b.sample()
	var texts []string
	for _, t := range b.tasks {
		texts = append(texts, printable(t.Task)+": "+amount(t.Progress))
	}
	if len(texts) > 0 {
		fmt.Fprintf(v.w, "banger: %s\n", strings.Join(texts, "; "))
	}
}

// amount says how far a task is: "12.0 MiB of 57.0 MiB (21%)".
func amount(p core.Progress) string {
	switch {
	case p.Total > 0:
		return fmt.Sprintf("%s of %s (%d%%)", unitText(p.Done, p.Unit), unitText(p.Total, p.Unit), min(100, p.Done*100/p.Total))
	case p.Done > 0:
		return unitText(p.Done, p.Unit)
	}
	return "at work"
}

// bytesText writes a number of bytes with a binary unit.
func bytesText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), "KMGTPE"
	i := -1
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}
