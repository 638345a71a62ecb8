package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk"
)

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// seconds sets the clock.
func (c *clock) seconds(n float64) {
	c.at = time.Unix(1000, 0).Add(time.Duration(n * float64(time.Second)))
}

// TestPlain: one line a tick for all that goes on, and none when nothing does.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	c := &clock{}
	b, v := &board{now: c.now}, plain{&out}
	v.tick(b)
	b.update(core.Progress{Task: "pull", Done: 12 << 20, Total: 57 << 20, Unit: "bytes"})
	b.update(core.Progress{Task: "\x1b[2J"})
	v.tick(b)
	b.update(core.Progress{Task: "pull", Finished: true})
	b.update(core.Progress{Task: "\x1b[2J", Done: 3, Unit: "files"})
	v.tick(b)
	b.update(core.Progress{Task: "\x1b[2J", Finished: true})
	v.tick(b)
	want := "banger: pull: 12.0 MiB of 57.0 MiB (21%); \\x1b[2J: at work\nbanger: \\x1b[2J: 3 files\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRate(t *testing.T) {
	c := &clock{}
	b := &board{now: c.now}
	c.seconds(0)
	task, begins := b.update(core.Progress{Task: "a", Total: 1000})
	if !begins || task.rate() != 0 || task.left() >= 0 {
		t.Errorf("at first: %v, %v, %v", begins, task.rate(), task.left())
	}
	for i := range 21 { // 10 a second, and 20 from the tenth second on
		c.seconds(float64(i))
		b.update(core.Progress{Task: "a", Total: 1000, Done: int64(10*i + 10*max(0, i-10))})
		b.sample()
	}
	if task.rate() != 20 || task.left() != 35*time.Second {
		t.Errorf("rate %v, left %v", task.rate(), task.left())
	}
	if len(task.samples) > 12 {
		t.Errorf("%d samples are kept", len(task.samples))
	}
	if done, _ := b.update(core.Progress{Task: "a", Finished: true}); len(b.tasks) != 0 || done.Done != 300 {
		t.Errorf("after the end: %d tasks, %+v", len(b.tasks), done)
	}
	if _, begins := b.update(core.Progress{Task: "a", Finished: true}); !begins || len(b.tasks) != 0 {
		t.Errorf("the end of what never began: %d tasks", len(b.tasks))
	}
}

func TestAmount(t *testing.T) {
	tests := []struct {
		name string
		p    core.Progress
		want string
	}{
		{"bytes", core.Progress{Done: 12 << 20, Total: 57 << 20, Unit: "bytes"}, "12.0 MiB of 57.0 MiB (21%)"},
		{"bytes of unknown total", core.Progress{Done: 1536, Unit: "bytes"}, "1.5 KiB"},
		{"files", core.Progress{Done: 3, Total: 4, Unit: "files"}, "3 files of 4 files (75%)"},
		{"files of unknown total", core.Progress{Done: 3, Unit: "files"}, "3 files"},
		{"nothing known", core.Progress{}, "at work"},
		{"more than all", core.Progress{Done: 5, Total: 4, Unit: "files"}, "5 files of 4 files (100%)"},
		{"all", core.Progress{Done: 4, Total: 4, Unit: "bytes"}, "4 B of 4 B (100%)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := amount(tt.p); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 57 << 20: "57.0 MiB",
		1 << 30: "1.0 GiB", 1 << 40: "1.0 TiB", 1 << 50: "1.0 PiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "pull alpine:3.20, 100%", "pull alpine:3.20, 100%"},
		{"other scripts", "größe 大小 é", "größe 大小 é"},
		{"escape", "\x1b[31mred", `\x1b[31mred`},
		{"carriage return", "good\rbad", `good\x0dbad`},
		{"delete", "a\x7f", `a\x7f`},
		{"C1 CSI", "\u009b31m", `\x9b31m`},
		{"C1 CSI as a raw byte", "\x9b31m", "\ufffd31m"},
		{"invalid UTF-8", "a\xff\xc3z", "a\ufffd\ufffdz"},
		{"bidi override", "a\u202etxt.exe", `a\x202etxt.exe`},
		{"newline", "one\ntwo", "one\n  two"},
		{"tab", "a\tb", "a\tb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := printable(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestJSONLines: a line for the beginning and the end of each task, and for
// each tick at which something has changed.
func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	u := testUI(t, &out, "json", false, "info")
	u.view = &hourly{u.view}
	u.Progress(core.Progress{Task: "layer \x1b[2J\n\"1\"", Done: 1, Total: 2, Unit: "bytes"})
	for range 1000 {
		u.Progress(core.Progress{Task: "layer \x1b[2J\n\"1\"", Done: 2, Total: 2, Unit: "bytes"})
	}
	u.view.tick(&u.board)
	u.view.tick(&u.board)
	u.Progress(core.Progress{Task: "staging"})
	u.Progress(core.Progress{Task: "staging", Finished: true})
	u.Log(sdk.LogWarn, "odd\nimage")
	u.Log(sdk.LogDebug, "not this")
	u.done()
	layer := "layer \x1b[2J\n\"1\""
	want := []map[string]any{
		{"task": layer, "done": 1.0, "total": 2.0, "unit": "bytes", "finished": false},
		{"task": layer, "done": 2.0, "total": 2.0, "unit": "bytes", "finished": false},
		{"task": "staging", "done": 0.0, "total": nil, "unit": "", "finished": false},
		{"task": "staging", "done": 0.0, "total": nil, "unit": "", "finished": true},
		{"level": "WARN", "msg": "odd\nimage"},
	}
	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		delete(m, "time")
		got = append(got, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// hourly is a view that a test ticks itself.
type hourly struct{ view }

func (hourly) interval() time.Duration { return time.Hour }

func TestLog(t *testing.T) {
	tests := []struct {
		name     string
		progress string
		quiet    bool
		wanted   string // --log-level
		level    sdk.LogLevel
		want     string
	}{
		{"info", "auto", false, "info", sdk.LogInfo, "banger: \\x1b[1mtext\n"},
		{"warning without colour", "auto", false, "info", sdk.LogWarn, "banger: warning: \\x1b[1mtext\n"},
		{"warning without progress", "none", false, "info", sdk.LogWarn, "banger: warning: \\x1b[1mtext\n"},
		{"debug", "auto", false, "info", sdk.LogDebug, ""},
		{"debug wanted", "auto", false, "debug", sdk.LogDebug, "banger: debug: \\x1b[1mtext\n"},
		{"info unwanted", "plain", false, "warn", sdk.LogInfo, ""},
		{"warning wanted", "plain", false, "warn", sdk.LogWarn, "banger: warning: \\x1b[1mtext\n"},
		{"warning unwanted", "plain", false, "error", sdk.LogWarn, ""},
		{"quiet info", "auto", true, "info", sdk.LogInfo, ""},
		{"quiet warning", "auto", true, "debug", sdk.LogWarn, ""},
		{"quiet as JSON", "json", true, "info", sdk.LogWarn, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			u := testUI(t, &out, tt.progress, tt.quiet, tt.wanted)
			u.Log(tt.level, "\x1b[1mtext")
			u.done()
			if got := out.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// testUI is the ui of a command with the flags.
func testUI(t *testing.T, w io.Writer, progress string, quiet bool, logLevel string) *ui {
	t.Helper()
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.String("progress", progress, "")
	set.Bool("quiet", quiet, "")
	set.String("log-level", logLevel, "")
	u, err := newUI(cli.NewContext(&cli.App{ErrWriter: w}, set, nil))
	if err != nil {
		t.Fatal(err)
	}
	return u
}
