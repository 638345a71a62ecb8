package need

import (
	"os/exec"
	"testing"
)

// Run runs a tool and returns what it prints to either stream, with which the
// test fails where the tool does.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
