package main

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk"
)

// ui shows on standard error what an engine does. It implements core.Events.
type ui struct {
	logger *slog.Logger

	mu     sync.Mutex
	board  board
	view   view
	stop   chan struct{} // ends the ticks, which begin with the first task
	ticker sync.WaitGroup
}

// view shows the tasks of a board in one of several ways. Its methods are
// called by one goroutine at a time.
type view interface {
	// interval is the time between two ticks.
	interval() time.Duration
	// tick shows how things are.
	tick(b *board)
	// changed is told of each change.
	changed(b *board, t *task, begins bool)
	// log writes a line of the log, which has its line break.
	log(line string)
	// close ends the view and leaves the terminal in order.
	close()
}

func newUI(c *cli.Context) (*ui, error) {
	level, err := logLevel(c.String("log-level"))
	if err != nil {
		return nil, err
	}
	w := c.App.ErrWriter
	v, err := newView(c.String("progress"), w)
	if err != nil {
		return nil, err
	}
	u := &ui{view: v, board: board{now: time.Now}}
	if c.Bool("quiet") {
		u.view, level = silent{w}, max(level, slog.LevelError)
	}
	if _, ok := v.(jsonLines); ok {
		u.logger = slog.New(slog.NewJSONHandler(logWriter{u}, &slog.HandlerOptions{Level: level}))
	} else {
		u.logger = slog.New(&people{w: logWriter{u}, level: level, color: isTerminal(w) && os.Getenv("NO_COLOR") == ""})
	}
	return u, nil
}

func newView(mode string, w io.Writer) (view, error) {
	f, isFile := w.(*os.File)
	if mode == "auto" {
		mode = "plain"
		if hasRoom(w) && os.Getenv("TERM") != "dumb" {
			mode = "tty"
		}
	}
	switch {
	case mode == "tty" && isFile:
		return bars{newScreen(f)}, nil
	case mode == "plain" || mode == "tty":
		return plain{w}, nil
	case mode == "json":
		return jsonLines{w}, nil
	case mode == "none":
		return silent{w}, nil
	}
	return nil, usagef("--progress is auto, tty, plain, json or none, not %q", mode)
}

// logWriter writes the log without spoiling the view.
type logWriter struct{ u *ui }

func (l logWriter) Write(p []byte) (int, error) {
	l.u.mu.Lock()
	defer l.u.mu.Unlock()
	l.u.view.log(string(p))
	return len(p), nil
}

// Log implements core.Events.
func (u *ui) Log(level sdk.LogLevel, text string) {
	switch level {
	case sdk.LogDebug:
		u.logger.Debug(text)
	case sdk.LogWarn:
		u.logger.Warn(text)
	default:
		u.logger.Info(text)
	}
}

// Progress implements core.Events.
func (u *ui) Progress(p core.Progress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stop == nil {
		u.stop = make(chan struct{})
		if n := u.view.interval(); n > 0 {
			u.ticker.Go(func() { u.run(n) })
		}
	}
	t, begins := u.board.update(p)
	u.view.changed(&u.board, t, begins)
}

// run ticks until the ui is done.
func (u *ui) run(interval time.Duration) {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-u.stop:
			return
		case <-ticks.C:
			u.mu.Lock()
			u.view.tick(&u.board)
			u.mu.Unlock()
		}
	}
}

// done ends the view; what follows goes straight to the terminal.
func (u *ui) done() {
	u.mu.Lock()
	if u.stop == nil {
		u.stop = make(chan struct{})
	}
	select {
	case <-u.stop:
	default:
		close(u.stop)
	}
	u.mu.Unlock()
	u.ticker.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.view.close()
}

// silent shows no progress.
type silent struct{ w io.Writer }

func (silent) interval() time.Duration     { return 0 }
func (silent) tick(*board)                 {}
func (silent) changed(*board, *task, bool) {}
func (s silent) log(line string)           { _, _ = io.WriteString(s.w, line) }
func (silent) close()                      {}
