package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk"
)

// ui shows on standard error what an engine does. It implements core.Events.
type ui struct {
	quiet  bool
	asJSON bool
	color  bool

	mu   sync.Mutex
	w    io.Writer
	view view
}

// view shows the progress of tasks in one of several ways.
type view interface {
	progress(p core.Progress)
	// writer is where log lines go without spoiling the view.
	writer() io.Writer
	// close ends the view and leaves the terminal in order.
	close()
}

func newUI(c *cli.Context) (*ui, error) {
	w := c.App.ErrWriter
	u := &ui{quiet: c.Bool("quiet"), w: w, color: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
	mode := c.String("progress")
	if mode == "auto" {
		mode = "plain"
		if hasRoom(w) && os.Getenv("TERM") != "dumb" {
			mode = "tty"
		}
	}
	switch mode {
	case "tty":
		u.view = newBars(w)
	case "plain":
		u.view = newPlain(w, time.Now)
	case "json":
		u.asJSON = true
		u.view = &jsonLines{w: w}
	case "none":
		u.view = silent{w}
	default:
		return nil, usagef("--progress is auto, tty, plain, json or none, not %q", mode)
	}
	if u.quiet {
		u.view.close()
		u.view = silent{w}
	}
	return u, nil
}

// Log implements core.Events.
func (u *ui) Log(level sdk.LogLevel, text string) {
	if level == sdk.LogDebug || u.quiet {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	w := u.view.writer()
	switch {
	case u.asJSON:
		_ = json.NewEncoder(w).Encode(map[string]string{"log": text, "level": levelName(level)})
	case level == sdk.LogWarn && u.color:
		fmt.Fprintf(w, "banger: \x1b[33mwarning:\x1b[0m %s\n", printable(text))
	case level == sdk.LogWarn:
		fmt.Fprintf(w, "banger: warning: %s\n", printable(text))
	default:
		fmt.Fprintf(w, "banger: %s\n", printable(text))
	}
}

func levelName(l sdk.LogLevel) string {
	if l == sdk.LogWarn {
		return "warning"
	}
	return "info"
}

// Progress implements core.Events.
func (u *ui) Progress(p core.Progress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.view.progress(p)
}

// done ends the view; what follows goes straight to the terminal.
func (u *ui) done() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.view.close()
	u.view = silent{u.w}
}

// silent shows no progress.
type silent struct{ w io.Writer }

func (silent) progress(core.Progress) {}
func (s silent) writer() io.Writer    { return s.w }
func (silent) close()                 {}

// jsonLines prints each step as one JSON object.
type jsonLines struct{ w io.Writer }

func (j *jsonLines) progress(p core.Progress) {
	_ = json.NewEncoder(j.w).Encode(struct {
		Task     string `json:"task"`
		Done     int64  `json:"done"`
		Total    int64  `json:"total"`
		Unit     string `json:"unit"`
		Finished bool   `json:"finished"`
	}(p))
}
func (j *jsonLines) writer() io.Writer { return j.w }
func (j *jsonLines) close()            {}
