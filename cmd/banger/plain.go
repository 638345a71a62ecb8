package main

import (
	"fmt"
	"io"
	"time"

	"banger/core"
)

// plainInterval is how often a task that goes on gets a line.
const plainInterval = 10 * time.Second

// plain prints a line for a task each ten seconds, and one for the end of a
// task that had lines: for logs and pipes.
type plain struct {
	w     io.Writer
	now   func() time.Time
	tasks map[string]*plainTask
}

type plainTask struct {
	begun, said time.Time
	spoke       bool
}

func newPlain(w io.Writer, now func() time.Time) *plain {
	return &plain{w: w, now: now, tasks: make(map[string]*plainTask)}
}

func (v *plain) progress(p core.Progress) {
	now := v.now()
	t := v.tasks[p.Task]
	switch {
	case p.Finished:
		if t != nil && t.spoke {
			fmt.Fprintf(v.w, "banger: %s: finished after %s\n", printable(p.Task), now.Sub(t.begun).Round(time.Second))
		}
		delete(v.tasks, p.Task)
	case t == nil:
		v.tasks[p.Task] = &plainTask{begun: now, said: now}
	case now.Sub(t.said) >= plainInterval:
		t.said, t.spoke = now, true
		fmt.Fprintf(v.w, "banger: %s: %s\n", printable(p.Task), amount(p))
	}
}

func (v *plain) writer() io.Writer { return v.w }
func (v *plain) close()            {}

// amount says how far a task is: "12.0 MiB of 57.0 MiB (21%)".
func amount(p core.Progress) string {
	format := func(n int64) string { return fmt.Sprintf("%d %s", n, p.Unit) }
	if p.Unit == "bytes" {
		format = bytesText
	}
	if p.Total <= 0 {
		return format(p.Done)
	}
	return fmt.Sprintf("%s of %s (%d%%)", format(p.Done), format(p.Total), min(100, p.Done*100/p.Total))
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
