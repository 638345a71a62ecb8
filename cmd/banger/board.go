package main

import (
	"time"

	"banger/core"
)

// board is what is going on: the tasks that have begun and not ended, in the
// order in which they began.
type board struct {
	now   func() time.Time
	tasks []*task
}

// task is one task on the board.
type task struct {
	core.Progress
	begun   time.Time
	samples []sample // of the last rateWindow, oldest first
	changed bool     // since a view last told of it
}

// sample is how far a task was at some time.
type sample struct {
	at   time.Time
	done int64
}

// rateWindow is the time over which a task's rate is measured.
const rateWindow = 10 * time.Second

// update enters what a task says of itself. It returns the task, and whether
// it has just begun.
func (b *board) update(p core.Progress) (t *task, begins bool) {
	for i, t := range b.tasks {
		if t.Task != p.Task {
			continue
		}
		if p.Finished {
			b.tasks = append(b.tasks[:i:i], b.tasks[i+1:]...)
			p.Done, p.Total, p.Unit = t.Done, t.Total, t.Unit
		}
		t.Progress, t.changed = p, true
		return t, false
	}
	now := b.now()
	t = &task{Progress: p, begun: now, samples: []sample{{now, p.Done}}}
	if !p.Finished {
		b.tasks = append(b.tasks, t)
	}
	return t, true
}

// sample notes how far each task is, for the rates.
func (b *board) sample() {
	now := b.now()
	for _, t := range b.tasks {
		for len(t.samples) > 1 && now.Sub(t.samples[0].at) > rateWindow {
			t.samples = t.samples[1:]
		}
		t.samples = append(t.samples, sample{now, t.Done})
	}
}

// rate is how fast a task goes on, in its unit per second; 0 when it is not
// known.
func (t *task) rate() float64 {
	first, last := t.samples[0], t.samples[len(t.samples)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(last.done-first.done) / seconds
}

// left is the time that a task will still take; negative when it is not known.
func (t *task) left() time.Duration {
	rate := t.rate()
	if t.Total <= 0 || rate <= 0 {
		return -1
	}
	return time.Duration(float64(t.Total-t.Done) / rate * float64(time.Second))
}
