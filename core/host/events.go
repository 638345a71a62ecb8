package host

import (
	"context"
	"fmt"

	"banger/sdk"
)

// The bounds of what a builder says in one build, besides those of its text.
const (
	maxPhase  = 80  // bytes of the name of a phase or a unit
	maxPhases = 200 // names of phases; progress of further ones is not shown
	// lossOverhead is what a loss takes besides its text, in bytes.
	lossOverhead = 128
)

// events passes on what a builder says, fit to be shown and bounded. Losses
// past the bounds end the build: an image is never kept with a part of its
// losses.
type events struct {
	to         sdk.Events
	lossMemory int // what losses may take, in bytes
	giveUp     context.CancelCauseFunc
	placed     func(size int64) error

	lost   int // bytes of losses so far
	phases map[string]bool
}

// Observer can be implemented by the Events of a request that wants to know
// how a builder behaves besides what it says.
type Observer interface {
	// Stdout takes a line that the builder printed to standard output after
	// its handshake. It is logged as well.
	Stdout(line string)
	// Killed notes that the builder did not end when it was told to.
	Killed()
}

// Log implements sdk.Events.
func (e *events) Log(level sdk.LogLevel, text string) {
	if level < sdk.LogDebug || level > sdk.LogWarn {
		level = sdk.LogInfo
	}
	if e.to != nil {
		e.to.Log(level, clean(text, maxLine))
	}
}

// printed takes a line that the builder printed.
func (e *events) printed(line string) { e.Log(sdk.LogDebug, line) }

// stdout takes one that it printed where only the protocol should be.
func (e *events) stdout(line string) {
	e.printed(line)
	if o, ok := e.to.(Observer); ok {
		o.Stdout(line)
	}
}

// killed notes that the builder had to be killed.
func (e *events) killed() {
	if o, ok := e.to.(Observer); ok {
		o.Killed()
	}
}

// Progress implements sdk.Events.
func (e *events) Progress(p sdk.Progress) {
	p.Phase, p.Unit = clean(p.Phase, maxPhase), clean(p.Unit, maxPhase)
	if p.Total > 0 {
		p.Done = min(p.Done, p.Total)
	}
	if !e.phases[p.Phase] {
		if len(e.phases) == maxPhases {
			return
		}
		if e.phases == nil {
			e.phases = make(map[string]bool)
		}
		e.phases[p.Phase] = true
	}
	if e.to != nil {
		e.to.Progress(p)
	}
}

// Lose implements sdk.Events. Paths and values stay raw bytes: whoever shows
// them quotes them.
func (e *events) Lose(losses []sdk.Loss) {
	for i := range losses {
		l := &losses[i]
		l.Why = clean(l.Why, maxLine)
		e.lost += lossOverhead + len(l.Path) + len(l.Field) + len(l.Wanted) + len(l.Got) + len(l.Why)
	}
	if e.lost > e.lossMemory {
		e.giveUp(fmt.Errorf("it reported losses of more than %d bytes", e.lossMemory))
		return
	}
	if e.to != nil {
		e.to.Lose(losses)
	}
}

// Placed implements sdk.Events. A list that does not hold ends the build.
func (e *events) Placed(size int64) {
	if err := e.placed(size); err != nil {
		e.giveUp(fmt.Errorf("its list of bodies: %w", err))
		return
	}
	if e.to != nil {
		e.to.Placed(size)
	}
}
