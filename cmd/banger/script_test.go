package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"banger/internal/bangertest"
	"banger/internal/need"
)

func TestMain(m *testing.M) {
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
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			e.Setenv("XDG_CACHE_HOME", "")
			return os.Mkdir(home, 0o777)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkimage": mkimage,
			"exits":   exits,
			"empty":   emptyDir,
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

// TestInterrupt ends a build with SIGINT while its builder works: it exits
// with 130 within a few seconds, and neither output, scratch nor process
// stays behind.
func TestInterrupt(t *testing.T) {
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	if err := writeImage(image, "slow"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store, out := filepath.Join(dir, "store"), filepath.Join(dir, "out", "x.ext4")
	if err := os.Mkdir(filepath.Dir(out), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, bin, "build", "--store", store, "--progress", "json", "oci:"+image, "-o", out)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, stderr, `"task":"staging"`)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	go drain(stderr)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	assertEmpty(t, filepath.Dir(out))
	assertEmpty(t, filepath.Join(store, "tmp"))
	assertEmpty(t, filepath.Join(store, "artifacts", "sha256"))
}
