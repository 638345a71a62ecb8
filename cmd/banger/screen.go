package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen draws a block of lines at the end of what a terminal shows, and draws
// it anew in its place. The cursor rests at the start of the line below. Each
// frame is one write.
//
// A line is never longer than a terminal of 80 columns shows, so that making
// a window narrower does not wrap it. Where one becomes narrower still, most
// terminals wrap what they show, and the rows that this adds are counted. But
// some tell the new size only a while later: then such rows may stay behind.
type screen struct {
	w     io.Writer
	size  func() (columns, rows int)
	shown []string
}

// mostColumns is how wide a line gets.
const mostColumns = 79

func newScreen(f *os.File) *screen {
	return &screen{w: f, size: func() (int, int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return mostColumns + 1, 24
		}
		return columns, rows
	}}
}

// room returns the columns and rows that a block may take.
func (s *screen) room() (columns, rows int) {
	columns, rows = s.size()
	return max(1, min(columns-1, mostColumns)), max(1, rows-1)
}

// draw replaces the block. It erases row by row: some terminals keep a screen
// that is erased whole among what has scrolled off.
func (s *screen) draw(lines []string) { s.replace("", lines) }

// print puts a line above the block.
func (s *screen) print(line string) { s.replace(line, s.shown) }

// replace draws text, which ends with a line break or is empty, and the lines
// in the place of the block.
func (s *screen) replace(text string, lines []string) {
	old := s.rows()
	if len(lines)+old == 0 && text == "" {
		return
	}
	const erase, wrap, noWrap = "\x1b[2K", "\x1b[?7h", "\x1b[?7l"
	var b strings.Builder
	b.WriteString(up(old) + strings.Repeat(erase+"\r\n", old) + up(old))
	b.WriteString(text + noWrap)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	_, _ = io.WriteString(s.w, b.String()+wrap) // a terminal that is gone shows nothing
	s.shown = lines
}

// clear takes the block away.
func (s *screen) clear() { s.draw(nil) }

// rows is how many rows the block takes.
func (s *screen) rows() int {
	columns, _ := s.size()
	rows := 0
	for _, l := range s.shown {
		n := utf8.RuneCountInString(strings.TrimRight(l, " "))
		rows += max(1, (n+columns-1)/max(1, columns))
	}
	return rows
}

// up moves the cursor up by n rows, to the first column.
func up(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA", n)
}
