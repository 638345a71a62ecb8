package main

import (
	"encoding/json"
	"io"
	"time"

	"banger/core"
)

// jsonLines prints one JSON object a line, as docs/json.md says: when a task
// begins, each second while it goes on, and when it ends.
type jsonLines struct{ w io.Writer }

// jsonInterval is the time between two lines of one task.
const jsonInterval = time.Second

func (jsonLines) interval() time.Duration { return jsonInterval }
func (v jsonLines) log(line string)       { _, _ = io.WriteString(v.w, line) }
func (jsonLines) close()                  {}

func (v jsonLines) changed(_ *board, t *task, begins bool) {
	if begins || t.Finished {
		v.line(t)
	}
}

func (v jsonLines) tick(b *board) {
	for _, t := range b.tasks {
		if t.changed {
			v.line(t)
		}
	}
}

func (v jsonLines) line(t *task) {
	t.changed = false
	_ = json.NewEncoder(v.w).Encode(progressLine(t.Progress)) // there is nowhere to say that it failed
}

// progressLine is the state of a task as JSON.
type progressLine core.Progress

// MarshalJSON implements json.Marshaler.
func (p progressLine) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Task     string `json:"task"`
		Done     int64  `json:"done"`
		Total    *int64 `json:"total"`
		Unit     string `json:"unit"`
		Finished bool   `json:"finished"`
	}{p.Task, p.Done, totalOf(p.Total), p.Unit, p.Finished})
}

// totalOf is null for a total that is not known.
func totalOf(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}
