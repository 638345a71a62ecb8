package ext4test

import (
	"os/exec"
	"strings"
	"testing"

	"banger/internal/need"
)

// TestNewerE2fsck: the second opinion that Fsck asks for is there, and is of
// another release than the first.
func TestNewerE2fsck(t *testing.T) {
	need.File(t, newerRoot(), "make fixtures gets it")
	version := func(command ...string) string {
		out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", command, err, out)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	first, second := version(need.Tool(t, "e2fsck", "e2fsprogs"), "-V"), version(newer(t, "e2fsck", "-V")...)
	if !strings.HasPrefix(second, "e2fsck 1.47.") || second == first {
		t.Errorf("%s has %q, and this machine has %q", newerRoot(), second, first)
	}
}
