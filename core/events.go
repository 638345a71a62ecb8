package core

import (
	"banger/sdk"
)

// Events receives what happens while an Engine works. Its methods are called
// from several goroutines and must be quick.
type Events interface {
	// Log passes on a line for people, the builder's own included.
	Log(level sdk.LogLevel, text string)
	// Progress tells how far a task is. A task begins with its first event
	// and ends with one whose Finished is set, whether it succeeded or not.
	Progress(p Progress)
}

// Progress is the state of one task.
type Progress struct {
	Task     string // names the task and stays the same throughout
	Done     int64
	Total    int64  // 0 when it is not known
	Unit     string // "bytes", "files" or ""
	Finished bool
}

type discard struct{}

func (discard) Log(sdk.LogLevel, string) {}
func (discard) Progress(Progress)        {}

// task begins a task that does not say how far it is; call what it returns at
// its end.
func (e *Engine) task(name string) (finish func()) {
	e.Events.Progress(Progress{Task: name})
	return func() { e.Events.Progress(Progress{Task: name, Finished: true}) }
}
