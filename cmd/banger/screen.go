package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen draws a block of lines at the end of what a terminal shows, and draws
// it anew in its place. Each frame is one write.
//
// The cursor rests at the start of the block's first line. A terminal that
// becomes narrower wraps what it shows, and some tell their new size only a
// while later; but the cursor stays with its line, so that the block is drawn
// over what has become of it, and the rest is erased.
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

// draw replaces the block.
func (s *screen) draw(lines []string) { s.replace("", lines) }

// print puts a line above the block.
func (s *screen) print(line string) { s.replace(line, s.shown) }

// What a terminal is told (ECMA-48; DEC's private mode 7 is the wrapping).
const (
	eraseLine = "\x1b[2K"
	eraseRest = "\x1b[J"
	second    = "\x1b[2G" // column
	wrap      = "\x1b[?7h"
	noWrap    = "\x1b[?7l"
)

// replace draws text, which ends with a line break or is empty, and the lines
// in the place of the block. What is erased is never the whole screen: some
// terminals keep that among what has scrolled off.
func (s *screen) replace(text string, lines []string) {
	if len(lines)+len(s.shown) == 0 {
		if text != "" {
			_, _ = io.WriteString(s.w, text) // a terminal that is gone shows nothing
		}
		return
	}
	var b strings.Builder
	if text != "" || len(lines) == 0 {
		b.WriteString(eraseLine + second + eraseRest + "\r" + text)
	}
	if len(lines) > 0 {
		b.WriteString(noWrap)
		for _, l := range lines {
			b.WriteString(eraseLine + l + "\r\n")
		}
		fmt.Fprintf(&b, "%s\x1b[%dA%s", eraseRest, len(lines), wrap)
	}
	_, _ = io.WriteString(s.w, b.String())
	s.shown = lines
}

// clear takes the block away.
func (s *screen) clear() { s.draw(nil) }
