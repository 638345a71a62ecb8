package e2fsprogs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// maxOutput bounds what is kept of each stream of a program, in bytes; the
// rest is dropped.
const maxOutput = 16 << 10

// grace is how long the streams of a killed program may stay open.
const grace = 2 * time.Second

// clock is the time in seconds since 1970 that the programs are made to see
// (E2FSPROGS_FAKE_TIME takes it for unset when it is 0). It is long past
// wherever the image is used, so nothing finds it in the future.
const clock = "1"

// command is one run of a program.
type command struct {
	path    string
	args    []string
	dir     string   // "" for the caller's
	env     []string // besides the fixed environment
	discard bool     // standard output
}

// output is what a program printed.
type output struct {
	stdout, stderr string
}

// run runs a program to its end or until ctx ends, when it is killed; it dies
// with this process, too. The error is that of ctx, of starting the program,
// or an *exec.ExitError.
func run(ctx context.Context, c command) (output, error) {
	// The kernel sends the signal when the thread that forked ends, not the
	// process: stay on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stdout, stderr bounded
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = append([]string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "E2FSPROGS_FAKE_TIME=" + clock}, c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = grace
	cmd.Stderr = &stderr
	if !c.discard {
		cmd.Stdout = &stdout
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return output{stdout.String(), stderr.String()}, err
}

// bounded keeps the first maxOutput bytes that are written to it.
type bounded struct{ strings.Builder }

var _ io.Writer = (*bounded)(nil)

func (b *bounded) Write(p []byte) (int, error) {
	b.Builder.Write(p[:min(len(p), maxOutput-b.Len())])
	return len(p), nil
}

// maxQuote bounds what an error quotes of a program's output, in bytes.
const maxQuote = 400

// quote puts what a program printed on one line, safe to print.
func quote(lines []string) string {
	s := strings.Join(lines, "; ")
	if len(s) > maxQuote {
		s = s[:maxQuote] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// complaints returns the lines of text without empty ones and without the
// line with which a program names itself.
func complaints(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !banner.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// failure makes an error of a program that failed or complained. It wraps
// ErrFull, syscall.ENOSPC or ctx's error where those are the cause.
func failure(ctx context.Context, name, image string, err error, out output) error {
	if ctx.Err() != nil {
		return fmt.Errorf("run %s: %w", name, ctx.Err())
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return fmt.Errorf("run %s: %w", name, err)
	}
	lines := append(complaints(out.stderr), complaints(out.stdout)...)
	text := strings.Join(lines, "\n")
	switch {
	case strings.Contains(text, syscall.ENOSPC.Error()) || strings.Contains(text, "No space left on device"):
		return fmt.Errorf("run %s: write %s: %w", name, image, syscall.ENOSPC)
	case full(text):
		return fmt.Errorf("run %s: %w: it says %s", name, ErrFull, quote(lines))
	case err != nil && len(lines) == 0:
		return fmt.Errorf("run %s: %w", name, err)
	case err != nil:
		return fmt.Errorf("run %s: %w: it says %s", name, err, quote(lines))
	}
	return fmt.Errorf("run %s: it says %s", name, quote(lines))
}
