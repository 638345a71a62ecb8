package e2fsprogs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"banger/plugins/internal/child"
)

// maxOutput bounds what is kept of the beginning of each stream of a program,
// and of its end, in bytes; what lies between is dropped.
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
	log     func(line string)
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
	child.DieWithParent(cmd)
	cmd.WaitDelay = grace
	cmd.Stderr = &stderr
	if !c.discard {
		cmd.Stdout = &stdout
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if c.log != nil {
		for _, line := range slices.Concat(lines(stdout.String()), lines(stderr.String())) {
			c.log(filepath.Base(c.path) + ": " + line)
		}
	}
	return output{stdout.String(), stderr.String()}, err
}

// bounded keeps the first and the last maxOutput bytes that are written to it.
type bounded struct {
	head, tail []byte
	dropped    bool
}

var _ io.Writer = (*bounded)(nil)

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), maxOutput-len(b.head))
	b.head = append(b.head, p[:n]...)
	b.tail = append(b.tail, p[n:]...)
	if over := len(b.tail) - maxOutput; over > 0 {
		b.tail, b.dropped = append(b.tail[:0], b.tail[over:]...), true
	}
	return len(p), nil
}

// String returns what was kept.
func (b *bounded) String() string {
	if b.dropped {
		return string(b.head) + "\n…\n" + string(b.tail)
	}
	return string(b.head) + string(b.tail)
}

const (
	// maxQuote bounds what an error quotes of one line, in bytes.
	maxQuote = 400
	// lastLines is how many lines an error shows of a program's output.
	lastLines = 20
)

// quote quotes the beginning of a program's output in one line, and shows the
// last lines of a longer one below it.
func quote(lines []string) string {
	const few = 2
	first := strings.Join(lines[:min(few, len(lines))], "; ")
	if len(first) > maxQuote {
		first = first[:maxQuote] + "…"
	}
	text := strconv.Quote(first)
	if len(lines) <= few {
		return text
	}
	for _, line := range lines[max(0, len(lines)-lastLines):] {
		if len(line) > maxQuote {
			line = line[:maxQuote] + "…"
		}
		quoted := strconv.Quote(line)
		text += "\n| " + quoted[1:len(quoted)-1]
	}
	return text
}

// complaints returns the lines of text without empty ones and without the
// line with which a program names itself.
func complaints(text string) []string {
	return slices.DeleteFunc(lines(text), banner.MatchString)
}

// lines returns the lines of text that are not empty.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
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
