package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"banger/core"
	"banger/sdk"
)

func TestPlain(t *testing.T) {
	type event struct {
		at       int // seconds
		task     string
		done     int64
		finished bool
	}
	tests := []struct {
		name   string
		events []event
		want   string
	}{
		{"first is silent", []event{{at: 100, task: "a"}}, ""},
		{"less than an interval", []event{{at: 0, task: "a"}, {at: 9, task: "a", done: 5}}, ""},
		{"an interval", []event{{at: 0, task: "a"}, {at: 10, task: "a", done: 5}}, "banger: a: 5 files of 100 files (5%)\n"},
		{
			"each interval counts from the last line",
			[]event{{at: 0, task: "a"}, {at: 12, task: "a", done: 1}, {at: 20, task: "a", done: 2}, {at: 21, task: "a", done: 3}, {at: 22, task: "a", done: 4}},
			"banger: a: 1 files of 100 files (1%)\nbanger: a: 4 files of 100 files (4%)\n",
		},
		{"end of a silent task", []event{{at: 0, task: "a"}, {at: 60, task: "a", finished: true}}, ""},
		{"end of an unknown task", []event{{at: 60, task: "a", finished: true}}, ""},
		{
			"end of a task that had a line",
			[]event{{at: 5, task: "a"}, {at: 15, task: "a", done: 1}, {at: 17, task: "a", finished: true}},
			"banger: a: 1 files of 100 files (1%)\nbanger: a: finished after 12s\n",
		},
		{
			"tasks have their own time",
			[]event{{at: 0, task: "a"}, {at: 8, task: "b"}, {at: 11, task: "b"}, {at: 11, task: "a"}, {at: 12, task: "b", finished: true}, {at: 13, task: "a", finished: true}},
			"banger: a: 0 files of 100 files (0%)\nbanger: a: finished after 13s\n",
		},
		{
			"a finished task begins anew",
			[]event{{at: 0, task: "a"}, {at: 10, task: "a"}, {at: 11, task: "a", finished: true}, {at: 30, task: "a"}, {at: 39, task: "a"}, {at: 40, task: "a", finished: true}},
			"banger: a: 0 files of 100 files (0%)\nbanger: a: finished after 11s\n",
		},
		{"the name is escaped", []event{{at: 0, task: "\x1b[2J"}, {at: 10, task: "\x1b[2J"}}, "banger: \\x1b[2J: 0 files of 100 files (0%)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			var now time.Time
			v := newPlain(&out, func() time.Time { return now })
			for _, e := range tt.events {
				now = time.Unix(int64(e.at), 0)
				v.progress(core.Progress{Task: e.task, Done: e.done, Total: 100, Unit: "files", Finished: e.finished})
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
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

func TestJSONLines(t *testing.T) {
	events := []core.Progress{
		{Task: "layer \x1b[2J\n\"1\"", Done: 1, Total: 2, Unit: "bytes"},
		{Task: "staging"},
		{Task: "staging", Finished: true},
	}
	var out bytes.Buffer
	u := testUI(t, &out, "json", false)
	for _, p := range events {
		u.Progress(p)
	}
	u.Log(sdk.LogWarn, "odd\nimage")
	want := []map[string]any{
		{"task": "layer \x1b[2J\n\"1\"", "done": 1.0, "total": 2.0, "unit": "bytes", "finished": false},
		{"task": "staging", "done": 0.0, "total": 0.0, "unit": "", "finished": false},
		{"task": "staging", "done": 0.0, "total": 0.0, "unit": "", "finished": true},
		{"level": "warning", "log": "odd\nimage"},
	}
	var got []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLog(t *testing.T) {
	tests := []struct {
		name     string
		progress string
		quiet    bool
		level    sdk.LogLevel
		want     string
	}{
		{"info", "auto", false, sdk.LogInfo, "banger: \\x1b[1mtext\n"},
		{"warning without colour", "auto", false, sdk.LogWarn, "banger: warning: \\x1b[1mtext\n"},
		{"warning without progress", "none", false, sdk.LogWarn, "banger: warning: \\x1b[1mtext\n"},
		{"debug", "auto", false, sdk.LogDebug, ""},
		{"quiet info", "auto", true, sdk.LogInfo, ""},
		{"quiet warning", "auto", true, sdk.LogWarn, ""},
		{"quiet as JSON", "json", true, sdk.LogWarn, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			u := testUI(t, &out, tt.progress, tt.quiet)
			u.Log(tt.level, "\x1b[1mtext")
			u.done()
			if got := out.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// testUI is the ui of a command with the flags, on what is no terminal.
func testUI(t *testing.T, w *bytes.Buffer, progress string, quiet bool) *ui {
	t.Helper()
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.String("progress", progress, "")
	set.Bool("quiet", quiet, "")
	u, err := newUI(cli.NewContext(&cli.App{ErrWriter: w}, set, nil))
	if err != nil {
		t.Fatal(err)
	}
	return u
}
