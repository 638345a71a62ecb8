package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"banger/core"
	"banger/internal/bangertest"
	"banger/internal/need"
	"banger/internal/tmuxtest"
)

func TestBarLine(t *testing.T) {
	begun := time.Unix(1000, 0)
	samples := []sample{{begun, 0}, {begun.Add(4 * time.Second), 20 << 20}}
	for _, tt := range []struct {
		name  string
		p     core.Progress
		width int
		want  string
	}{
		{
			"half",
			core.Progress{Task: "pull", Done: 20 << 20, Total: 40 << 20, Unit: "bytes"},
			79,
			"pull                   [==========>           ]  50% of 40.0 MiB 5.0 MiB/s 0:04",
		},
		{
			"all",
			core.Progress{Task: "pull", Done: 40 << 20, Total: 40 << 20, Unit: "bytes"},
			79,
			"pull                   [======================] 100% of 40.0 MiB 5.0 MiB/s 0:00",
		},
		{
			"no total",
			core.Progress{Task: "e2fs: mkfs.ext4"},
			79,
			"e2fs: mkfs.ext4        [  <=>                 ] 0:04",
		},
		{
			"no total, a count",
			core.Progress{Task: "x", Done: 3, Unit: "files"},
			79,
			"x                      [  <=>                 ] 3 files  0:04",
		},
		{"narrow", core.Progress{Task: "x", Done: 1, Total: 2, Unit: "files"}, 40, "x  50% of 2 files 5242880 files/s 0:00"},
		{"narrow, with a long name", core.Progress{Task: "layer 1/2 0123456789ab", Done: 1, Total: 2, Unit: "files"}, 40, "layer~  50% of 2 files 5242880 files/s ~"},
		{"very narrow", core.Progress{Task: "layer 1/2 0123456789ab", Done: 1, Total: 2, Unit: "files"}, 19, "layer~  50% of 2 f~"},
		{"hardly there", core.Progress{Task: "layer 1/2 0123456789ab", Done: 1, Total: 2, Unit: "files"}, 9, "layer 1/~"},
		{"hostile", core.Progress{Task: "\x1b[2J\n界"}, 79, `\x1b[2J?  ?            [  <=>                 ] 0:04`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			line := barLine(&task{Progress: tt.p, begun: begun, samples: samples}, begun.Add(4*time.Second), tt.width)
			if got := strings.TrimRight(line, " "); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestBarLineFits: whatever a task says, its line has the columns that it may.
func TestBarLineFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begun := time.Unix(1000, 0)
		p := core.Progress{
			Task: rapid.String().Draw(t, "task"), Done: rapid.Int64Min(0).Draw(t, "done"), Total: rapid.Int64Min(0).Draw(t, "total"),
			Unit: rapid.SampledFrom([]string{"", "bytes", "files", "\x1b[2J"}).Draw(t, "unit"),
		}
		now := begun.Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "time")))
		width := rapid.IntRange(2, mostColumns).Draw(t, "width")
		line := barLine(&task{Progress: p, begun: begun, samples: []sample{{begun, 0}, {now, p.Done}}}, now, width)
		if n := utf8.RuneCountInString(line); n > width || strings.ContainsAny(line, "\x1b\n\r\t") {
			t.Fatalf("%d columns of %d: %q", n, width, line)
		}
	})
}

// playVariable names a fifo from which the test binary plays a ui on its
// terminal, instead of running tests.
const playVariable = "BANGER_TEST_PLAY"

// step is one line of what is played.
type step struct {
	Progress *core.Progress
	Log      string
	End      bool
}

func play(fifo string) error {
	f, err := os.Open(fifo)
	if err != nil {
		return err
	}
	u := &ui{view: bars{newScreen(os.Stderr)}, board: board{now: time.Now}}
	for in := bufio.NewScanner(f); in.Scan(); {
		var s step
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			return err
		}
		switch {
		case s.Progress != nil:
			u.Progress(*s.Progress)
		case s.Log != "":
			_, _ = logWriter{u}.Write([]byte(s.Log + "\n"))
		case s.End:
			u.done()
		}
	}
	return nil
}

// player is a ui in a terminal.
type player struct {
	*tmuxtest.Terminal
	t    *testing.T
	fifo *os.File
}

func startPlayer(t *testing.T, columns, rows int) *player {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for the reader
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fifo.Close() })
	term := tmuxtest.Start(t, columns, rows, []string{playVariable + "=" + path}, "sh", "-c", "echo above; "+exe+"; sleep 1000")
	term.WaitText("above")
	return &player{term, t, fifo}
}

func (p *player) play(s step) {
	p.t.Helper()
	if err := json.NewEncoder(p.fifo).Encode(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) progress(task string, done, total int64) {
	p.t.Helper()
	p.play(step{Progress: &core.Progress{Task: task, Done: done, Total: total, Unit: "bytes"}})
}

var barPattern = regexp.MustCompile(`\[[=<> ]*\]`)

// once waits until the screen shows the lines, in which a bar is [] and what
// follows one is left out, and nothing else.
func (p *player) once(lines ...string) {
	p.t.Helper()
	var got []string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("-want +got:\n%s", cmp.Diff(lines, got))
		}
	}()
	p.Wait(fmt.Sprintf("%q", lines), func(screen string) bool {
		got = nil
		for line := range strings.Lines(screen) {
			name, _, _ := strings.Cut(barPattern.ReplaceAllString(line, "[]\x00"), "\x00")
			got = append(got, strings.Join(strings.Fields(name), " "))
		}
		return cmp.Equal(lines, got)
	})
}

// TestBarsOnATerminal drives a terminal: bars appear once each, move, make room
// for the log, survive another size of the window, and are gone at the end.
func TestBarsOnATerminal(t *testing.T) {
	p := startPlayer(t, 100, 12)
	p.progress("pull", 0, 90<<20)
	p.progress("layer 1/2 0123456789ab", 0, 60<<20)
	p.progress("layer 2/2 ba9876543210", 0, 30<<20)
	p.once("above", "pull []", "layer 1/2 0123456789ab []", "layer 2/2 ba9876543210 []")
	p.progress("pull", 45<<20, 90<<20)
	p.WaitText(" 50%% of 90.0 MiB")
	p.play(step{Log: "banger: a line of the log"})
	p.once("above", "banger: a line of the log", "pull []", "layer 1/2 0123456789ab []", "layer 2/2 ba9876543210 []")

	for _, columns := range []int{80, 120, 81, 100} {
		p.Resize(columns, 12)
		p.once("above", "banger: a line of the log", "pull []", "layer 1/2 0123456789ab []", "layer 2/2 ba9876543210 []")
	}
	p.play(step{Progress: &core.Progress{Task: "layer 1/2 0123456789ab", Finished: true}})
	p.play(step{Progress: &core.Progress{Task: "layer 2/2 ba9876543210", Finished: true}})
	p.play(step{Progress: &core.Progress{Task: "pull", Finished: true}})
	p.progress("flatten", 0, 0)
	p.once("above", "banger: a line of the log", "flatten []")

	// A phase without a total is seen to be alive: its block moves.
	seen := make(map[string]bool)
	p.Wait("a moving block", func(screen string) bool {
		seen[barPattern.FindString(screen)] = true
		return len(seen) > 3
	})
	p.play(step{End: true})
	p.once("above", "banger: a line of the log")
}

// TestBarsOnANarrowTerminal: in less than 80 columns nothing is wrapped, in a
// window that was made so and in one that becomes so under way, although tmux
// tells the new size only a while later. What is not of the block stays as it
// was. (The window is full, as it mostly is. In one that is not, tmux moves the
// top row to what has scrolled off for each that it wraps, where nobody reaches
// it; a row of an old block may stay there.)
func TestBarsOnANarrowTerminal(t *testing.T) {
	for _, first := range []int{100, 60, 20} {
		t.Run(fmt.Sprint(first), func(t *testing.T) {
			p := startPlayer(t, first, 12)
			p.progress("pull", 1, 2)
			p.progress("layer 1/2 0123456789ab", 1, 2)
			above := 1
			for _, columns := range []int{first, 70, 50, 30, 20, 10, 40, 100, 20} {
				above += p.fill(above)
				p.Resize(columns, 12)
				p.Wait(fmt.Sprintf("the block in %d columns", columns), func(screen string) bool {
					lines := strings.Split(strings.ReplaceAll(screen, "above\n", ""), "\n")
					return len(lines) == 2 && isLine(lines[0], "pull", columns) && isLine(lines[1], "layer", columns)
				})
			}
			p.play(step{Log: "a line"})
			p.play(step{End: true})
			p.play(step{Log: "the end"})
			p.once(append(slices.Repeat([]string{"above"}, above), "a line", "the end")...)
		})
	}
}

// fill writes a screen of lines above the block, below so many others, and
// returns how many it wrote.
func (p *player) fill(above int) int {
	p.t.Helper()
	const rows = 12
	for range rows {
		p.play(step{Log: "above"})
	}
	p.Wait("a full screen", func(screen string) bool { return strings.Count(screen, "above\n") == above+rows })
	return rows
}

// isLine reports whether a line is that of a task which is half done, in that
// many columns.
func isLine(line, task string, columns int) bool {
	return strings.HasPrefix(line, task) && utf8.RuneCountInString(line) < columns &&
		strings.Contains(line, "50%") == (columns >= 20) && strings.Contains(line, "[") == (columns > 64)
}

// TestBuildOnATerminal leaves nothing on the screen but the result.
func TestBuildOnATerminal(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	dir := t.TempDir()
	if err := writeImage(filepath.Join(dir, "img"), "good"); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("cd %s; stty -echo; %s build --store store --builder debugfs oci:img -o x.ext4; echo exit $?; sleep 1000", dir, bin)
	term := tmuxtest.Start(t, 80, 24, []string{"PATH=" + os.Getenv("PATH")}, "sh", "-c", script)
	if screen := term.WaitText("exit "); screen != "x.ext4\nexit 0" {
		t.Errorf("the screen is\n%s", screen)
	}
}

// TestBytesOnATerminal: what is not for people is not written there.
func TestBytesOnATerminal(t *testing.T) {
	bin := bangertest.Binary(t)
	for command, want := range map[string]string{
		"export oci:img":              "refusing to write a tar to a terminal; use -o FILE or redirect",
		"tree oci:img --format proto": "refusing to write a tree file to a terminal; redirect it",
	} {
		script := fmt.Sprintf("stty -echo; %s %s; echo exit $?; sleep 1000", bin, command)
		screen := tmuxtest.Start(t, 100, 24, nil, "sh", "-c", script).WaitText("exit ")
		if screen != "banger: error: "+want+"\nexit 2" {
			t.Errorf("the screen is\n%s", screen)
		}
	}
}

// TestBarsOnASmallTerminal shows what there is room for.
func TestBarsOnASmallTerminal(t *testing.T) {
	p := startPlayer(t, 80, 6)
	for i := range 9 {
		p.progress(fmt.Sprintf("layer %d/9", i+1), 0, 10)
	}
	p.once("above", "layer 1/9 []", "layer 2/9 []", "layer 3/9 []", "layer 4/9 []", "and 5 more")
	for i := range 9 {
		p.play(step{Progress: &core.Progress{Task: fmt.Sprintf("layer %d/9", i+1), Finished: true}})
	}
	p.once("above")
	p.play(step{End: true})
	p.play(step{Log: "the end"})
	p.once("above", "the end")
}
