package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"banger/internal/bangertest"
	"banger/internal/need"
)

func TestMain(m *testing.M) {
	playBuilder()
	if fifo := os.Getenv(playVariable); fifo != "" {
		if err := play(fifo); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	need.PrivateMounts()
	code := m.Run()
	bangertest.Cleanup()
	os.Exit(code)
}

// TestScript runs the documented command lines against the real binary. Each
// script says what goes to standard output, what to standard error, and how
// the command exits.
func TestScript(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	root := need.OpenDir(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         root,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(bin)+":"+e.Getenv("PATH")+":/usr/sbin:/sbin")
			e.Setenv("bin", bin)
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("XDG_CACHE_HOME", "")
			setupRegistry(e)
			return os.Mkdir(home, 0o777)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkimage":   mkimage,
			"mkbuilder": mkbuilder,
			"exits":     exits,
			"empty":     emptyDir,
			"serve":     serveImage,
			"break":     breakRegistry,
			"requests":  requests,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// exits runs a command and checks its exit code: exits CODE COMMAND [ARG …].
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG …]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); err != nil {
		if !asExit(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if want := args[0]; fmt.Sprint(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
}

// emptyDir checks that directories hold nothing: empty DIR…
func emptyDir(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		if (len(entries) == 0) == neg {
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			ts.Fatalf("%s holds %s", dir, strings.Join(names, " "))
		}
	}
}

// TestInterrupt ends a build with a signal while mkfs works: it exits with
// 130, and neither output, scratch nor process stays behind.
func TestInterrupt(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	image := filepath.Join(t.TempDir(), "image")
	if err := writeImage(image, "slow"); err != nil {
		t.Fatal(err)
	}
	for name, sig := range map[string]os.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store, out := filepath.Join(dir, "store"), filepath.Join(dir, "out")
			if err := os.Mkdir(out, 0o755); err != nil {
				t.Fatal(err)
			}
			code := interrupt(t, sig, store, bin, "build", "--store", store, "--progress", "json", "oci:"+image, "-o", filepath.Join(out, "x.ext4"))
			if code != exitInterrupted {
				t.Errorf("exit code %d, want %d", code, exitInterrupted)
			}
			assertEmpty(t, out)
			assertEmpty(t, filepath.Join(store, "tmp"))
			assertEmpty(t, filepath.Join(store, "artifacts", "sha256"))
			for _, line := range processes(t, store) {
				t.Errorf("process left: %s", line)
			}
		})
	}
}

// interruptBound is when a command that does not end is given up: far beyond
// the five seconds that a builder has, for a busy machine.
const interruptBound = 2 * time.Minute

// interrupt runs a build, sends it the signal while mkfs.ext4 works in the
// store, and returns its exit code.
func interrupt(t *testing.T, sig os.Signal, store string, args ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	waitFor(t, stderr, `"task":"e2fs: mkfs.ext4"`)
	go drain(stderr)
	waitForMkfs(ctx, t, store)
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	bound, stop := context.WithTimeout(ctx, interruptBound)
	defer stop()
	defer context.AfterFunc(bound, func() { _ = cmd.Process.Kill() })()
	_ = cmd.Wait()
	if bound.Err() != nil {
		t.Fatalf("still running %s after %s", interruptBound, sig)
	}
	return cmd.ProcessState.ExitCode()
}

// waitForMkfs waits for the process that the builder's event announces.
func waitForMkfs(ctx context.Context, t *testing.T, store string) {
	t.Helper()
	works := func(line string) bool { return strings.HasPrefix(filepath.Base(strings.Fields(line)[0]), "mkfs.ext4") }
	for !slices.ContainsFunc(processes(t, store), works) {
		select {
		case <-ctx.Done():
			t.Fatal("mkfs.ext4 was not seen at work")
		case <-time.After(time.Millisecond):
		}
	}
}

// processes returns the command lines that mention text. Those of processes
// that only wait to be reaped are empty.
func processes(t *testing.T, text string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no processes: %v", err)
	}
	var found []string
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), text) { // an error: it has ended
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
