package e2fsprogs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"banger/internal/hint"
)

func TestVersions(t *testing.T) {
	for version, old := range map[string]bool{
		"1.47.0": false, "1.46.2": false, "1.46": false, "1.50-WIP": false, "2.0": false, "unknown": false, "": false,
		"1.45.6": true, "1.9": true, "0.5b": true,
	} {
		if tooOld(version) != old {
			t.Errorf("%q too old: %t", version, !old)
		}
	}
	for text, want := range map[string]string{
		"mke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0\n": "1.47.0",
		"mke2fs 1.47-WIP (1-Jan-2030)":                                        "1.47-WIP",
		"mke2fs 1.46~rc1 (x)":                                                 "1.46~rc1",
		"BusyBox":                                                             "",
	} {
		if got := versionPattern.FindString(text); got != want {
			t.Errorf("version of %q is %q", text, got)
		}
	}
}

func TestFailure(t *testing.T) {
	exit := exec.CommandContext(t.Context(), "false").Run()
	for name, c := range map[string]struct {
		err  error
		out  output
		is   error
		text string
	}{
		"complaint":     {nil, output{stderr: "debugfs 1.47.0 (5-Feb-2023)\nsif: bad\n\nmore\x1b[2J\n"}, nil, `run x: it says "sif: bad; more\x1b[2J"`},
		"exit":          {exit, output{}, exit, "run x: exit status 1"},
		"exit and text": {exit, output{stdout: "out\n", stderr: "err\n"}, exit, `run x: exit status 1: it says "err; out"`},
		"not started":   {os.ErrNotExist, output{}, os.ErrNotExist, "run x: file does not exist"},
		"host full":     {exit, output{stderr: "mke2fs: No space left on device while writing"}, syscall.ENOSPC, "run x: write /image: no space left on device"},
		"image full":    {exit, output{stderr: "Could not allocate block in ext2 filesystem while x"}, ErrFull, "filesystem in the image is full"},
		"inodes":        {exit, output{stderr: "ext2fs_new_inode: Could not allocate inode in ext2 filesystem"}, ErrFull, "filesystem in the image is full"},
		"long":          {exit, output{stderr: strings.Repeat("x", 5000)}, nil, "xxx…"},
		"many lines":    {exit, output{stderr: "cause\na\nb\x1b\nc\n"}, exit, "it says \"cause; a\"\n| cause\n| a\n| b\\x1b\n| c"},
	} {
		t.Run(name, func(t *testing.T) {
			err := failure(t.Context(), "x", "/image", c.err, c.out)
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 600 {
				t.Errorf("got %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := failure(ctx, "x", "/image", exit, output{stderr: "text"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFindMissing(t *testing.T) {
	_, err := Find(t.Context(), "banger-no-such-tool")
	if !errors.Is(err, ErrMissing) || hint.Of(err) != "install e2fsprogs" {
		t.Errorf("got %v, hint %q", err, hint.Of(err))
	}
	tools := Describe(t.Context(), "banger-no-such-tool")
	if len(tools) != 1 || tools[0].Path != "" || tools[0].Version != "" || tools[0].Hint == "" {
		t.Errorf("described as %+v", tools)
	}
}

func TestRunIsClosedIn(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "5")
	t.Setenv("SECRET", "x")
	out, err := run(t.Context(), command{path: "/usr/bin/env", env: []string{"MORE=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.stdout, "SECRET") || strings.Contains(out.stdout, "SOURCE_DATE_EPOCH") ||
		!strings.Contains(out.stdout, "MORE=1\n") || !strings.Contains(out.stdout, "LC_ALL=C\n") || !strings.Contains(out.stdout, "E2FSPROGS_FAKE_TIME=1\n") {
		t.Errorf("environment %q", out.stdout)
	}
	out, err = run(t.Context(), command{path: "/bin/sh", args: []string{"-c", "head -c 1000000 /dev/zero; echo x >&2"}})
	if err != nil || len(out.stdout) != 2*maxOutput+len("\n…\n") || out.stderr != "x\n" {
		t.Errorf("%d bytes kept, %q, %v", len(out.stdout), out.stderr, err)
	}
}

// TestLongLine: debugfs would take it for several commands.
func TestLongLine(t *testing.T) {
	s, err := NewScript(filepath.Join(t.TempDir(), "script"))
	if err != nil {
		t.Fatal(err)
	}
	s.SetXattr(12, strings.Repeat("n", maxLine), "file")
	if err := s.Run(t.Context(), Tools{}, "image", "."); err == nil || !strings.Contains(err.Error(), "command of 8") {
		t.Errorf("got %v", err)
	}
}

func TestSayable(t *testing.T) {
	for name, want := range map[string]bool{"user.a b\"\\#\xff\t": true, "user.\n": false, "user.\r": false, "user.\x00": false} {
		if Sayable(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}

const parentVariable = "BANGER_E2FSPROGS_PARENT"

// TestMain, told to, is a parent that runs a child until it is killed.
func TestMain(m *testing.M) {
	if pidFile := os.Getenv(parentVariable); pidFile != "" {
		_, _ = run(context.Background(), command{path: "/bin/sh", args: []string{"-c", "echo $$ > " + pidFile + "; exec sleep 1000"}})
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestDiesWithParent: a builder that is killed leaves no mkfs behind.
func TestDiesWithParent(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	parent := exec.CommandContext(t.Context(), exe)
	parent.Env = append(os.Environ(), parentVariable+"="+pidFile)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	for pid == 0 {
		text, _ := os.ReadFile(pidFile)
		if strings.HasSuffix(string(text), "\n") {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if err != nil || t.Context().Err() != nil {
			t.Fatal(err, t.Context().Err())
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	for alive(pid) {
		time.Sleep(5 * time.Millisecond) // the test's own timeout bounds it
	}
}

// alive reports whether a process runs: a zombie waits for a reaper that is
// not ours.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestLastLines: an error shows the end of a long output, all of it is logged,
// and neither has more than its bound.
func TestLastLines(t *testing.T) {
	var logged []string
	out, err := run(t.Context(), command{
		path: "/bin/sh", args: []string{"-c", "seq 1 100000 >&2; exit 3"}, log: func(line string) { logged = append(logged, line) },
	})
	text := failure(t.Context(), "x", "/image", err, out).Error()
	if strings.Contains(text, "\n| 99980\n") || !strings.HasSuffix(text, "\n| 99981\n"+tail(99982)) || !strings.Contains(text, `it says "1; 2"`) {
		t.Errorf("got %s", text)
	}
	if n := len(logged); n < 1000 || n > 100_000 || logged[0] != "sh: 1" || logged[n-1] != "sh: 100000" {
		t.Errorf("%d lines, from %q to %q", n, logged[0], logged[n-1])
	}
}

// tail is how an error shows the lines from first to 100000.
func tail(first int) string {
	var lines []string
	for i := first; i <= 100_000; i++ {
		lines = append(lines, "| "+strconv.Itoa(i))
	}
	return strings.Join(lines, "\n")
}
