// Package tmuxtest gives tests a real terminal: one of tmux's, whose screen
// can be read, and which can be typed at and resized.
package tmuxtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"banger/internal/need"
)

// Bound is how long Wait waits for a screen before the test fails. It is
// generous, for machines that are busy with other things.
const Bound = 2 * time.Minute

// Terminal is a terminal with a shell in it.
type Terminal struct {
	t      testing.TB
	tmux   string
	socket string
}

// Start runs a command in a new terminal of the given columns and rows, with
// the variables of env besides those of the test, until the test ends.
func Start(t testing.TB, columns, rows int, env []string, command ...string) *Terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "tmux-") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{t, need.Tool(t, "tmux", "tmux"), filepath.Join(dir, "s")}
	args := []string{"-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows)}
	for _, v := range env {
		args = append(args, "-e", v)
	}
	t.Cleanup(func() {
		_ = term.command(context.WithoutCancel(t.Context()), "kill-server").Run() // it may have ended
		_ = os.RemoveAll(dir)
	})
	term.do(append(append(args, "--"), command...)...)
	return term
}

func (m *Terminal) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, m.tmux, append([]string{"-S", m.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMUX=")
	return cmd
}

func (m *Terminal) do(args ...string) string {
	m.t.Helper()
	out, err := m.command(m.t.Context(), args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// Close closes the terminal, as one closes its window.
func (m *Terminal) Close() { m.t.Helper(); m.do("kill-server") }

// Type types text as it is.
func (m *Terminal) Type(text string) { m.t.Helper(); m.do("send-keys", "-l", "--", text) }

// Key presses a key by tmux's name for it, such as "Enter" or "C-c".
func (m *Terminal) Key(name string) { m.t.Helper(); m.do("send-keys", name) }

// Resize gives the terminal another size.
func (m *Terminal) Resize(columns, rows int) {
	m.t.Helper()
	m.do("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
}

// Screen returns what is to be seen, with what has scrolled off above it. Lines
// have no white space at their ends, and lines that the terminal has wrapped
// are two.
func (m *Terminal) Screen() string {
	m.t.Helper()
	return strings.TrimRight(m.do("capture-pane", "-p", "-S", "-"), "\n")
}

// Wait waits for a screen and returns it.
func (m *Terminal) Wait(what string, ok func(screen string) bool) string {
	m.t.Helper()
	deadline := time.Now().Add(Bound)
	for {
		screen := m.Screen()
		if ok(screen) {
			return screen
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s was not seen; the screen is\n%s", what, screen)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// WaitText waits for a screen that holds text.
func (m *Terminal) WaitText(format string, args ...any) string {
	m.t.Helper()
	text := fmt.Sprintf(format, args...)
	return m.Wait(strconv.Quote(text), func(screen string) bool { return strings.Contains(screen, text) })
}
