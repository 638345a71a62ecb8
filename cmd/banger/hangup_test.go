package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"banger/internal/bangertest"
	"banger/internal/tmuxtest"
)

// hangup is a build with a builder that heeds nothing, and has let out a stray
// with a session of its own that heeds nothing either.
type hangup struct {
	t    *testing.T
	dir  string
	args []string
}

func newHangup(t *testing.T) *hangup {
	t.Helper()
	dir := t.TempDir()
	h := &hangup{t: t, dir: dir}
	image := filepath.Join(dir, "image")
	if err := writeImage(image, "good"); err != nil {
		t.Fatal(err)
	}
	if err := writeBuilder(dir, "stray"); err != nil {
		t.Fatal(err)
	}
	h.args = []string{bangertest.Binary(t), "build", "--store", filepath.Join(dir, "store"), "--plugin-dir", dir, "--builder", "stray", "--progress", "plain", "oci:" + image}
	return h
}

// out says when the stray is out.
const out = "the stray is out"

// gone waits until nothing is left that has its directory in its command line: the
// bound is for a machine that is busy.
func (h *hangup) gone() {
	h.t.Helper()
	var left []string
	for range 3000 {
		if left = processes(h.t, h.dir); len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	h.t.Errorf("left: %q", left)
}

// A second Ctrl-C does not wait for a builder that does not heed the first: the
// command ends at once, and the builder and its stray with it. So do they when
// SIGHUP or SIGTERM comes after a SIGINT.
func TestSecondInterrupt(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			h := newHangup(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, h.args[0], h.args[1:]...)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, stderr, out)
			go drain(stderr)
			for _, sig := range []os.Signal{syscall.SIGINT, second} {
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
				t.Errorf("exit code %d, want %d", code, exitInterrupted)
			}
			h.gone()
		})
	}
}

// A terminal that is closed takes the build, the builder and its stray with
// it: the shell and what it runs get SIGHUP, and whatever is written fails.
func TestClosedTerminal(t *testing.T) {
	h := newHangup(t)
	script := fmt.Sprintf("exec %q", h.args[0])
	for _, arg := range h.args[1:] {
		script += fmt.Sprintf(" %q", arg)
	}
	term := tmuxtest.Start(t, 200, 24, nil, "sh", "-c", script)
	term.WaitText(out)
	term.Close()
	h.gone()
}
