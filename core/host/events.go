package host

import "banger/sdk"

// maxPhase bounds the name of a phase or a unit in bytes.
const maxPhase = 80

// events passes on what a builder says, fit to be shown.
type events struct{ to sdk.Events }

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

// Progress implements sdk.Events.
func (e *events) Progress(p sdk.Progress) {
	p.Phase, p.Unit = clean(p.Phase, maxPhase), clean(p.Unit, maxPhase)
	if p.Total > 0 {
		p.Done = min(p.Done, p.Total)
	}
	if e.to != nil {
		e.to.Progress(p)
	}
}

// Lose implements sdk.Events. Paths and values stay raw bytes: whoever shows
// them quotes them.
func (e *events) Lose(losses []sdk.Loss) {
	for i := range losses {
		losses[i].Why = clean(losses[i].Why, maxLine)
	}
	if e.to != nil {
		e.to.Lose(losses)
	}
}
