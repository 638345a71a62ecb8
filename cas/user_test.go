package cas

import (
	"os"
	"os/exec"
	"testing"

	"banger/internal/need"
)

const userEnv = "BANGER_CAS_USER"

// asUser runs f as an ordinary user: when the test itself is root, in a
// process that runs the same test again, everything before asUser included.
// That process finds dir, which the user must be able to reach, in userEnv.
func asUser(t *testing.T, dir string, f func(t *testing.T)) {
	t.Helper()
	if os.Geteuid() != 0 {
		f(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), userEnv+"="+dir, "HOME="+dir, "TMPDIR="+dir)
	cmd.Dir = dir
	need.AsNobody(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}
