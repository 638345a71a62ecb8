package buildtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/need"
)

// fsck has the image checked by the real e2fsck, and by a newer one if that is
// there.
func fsck(t *testing.T, image string) {
	t.Helper()
	checks := [][]string{{need.Tool(t, "e2fsck", "e2fsprogs"), "-fn", image}}
	if _, err := os.Stat(newerRoot); err == nil {
		checks = append(checks, newer("e2fsck", "-fn", image))
	}
	for _, c := range checks {
		if out, err := exec.CommandContext(t.Context(), c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", c, err, out)
		}
	}
}

// newerRoot has the e2fsprogs of a later Debian.
const newerRoot = "../../../build/trixie"

// newer is the command line of one of them.
func newer(tool string, args ...string) []string {
	libraries, _ := filepath.Glob(newerRoot + "/usr/lib/*/libc.so.6")
	loaders, _ := filepath.Glob(newerRoot + "/usr/lib/*/ld-linux*")
	if len(libraries) == 0 || len(loaders) == 0 {
		return []string{newerRoot + "/has-no-libc"}
	}
	return append([]string{loaders[0], "--library-path", filepath.Dir(libraries[0]), newerRoot + "/usr/sbin/" + tool}, args...)
}

// TestNewerE2fsck: the second opinion that fsck asks for is there.
func TestNewerE2fsck(t *testing.T) {
	need.File(t, newerRoot, "make fixtures gets it")
	out := command(t, newer("e2fsck", "-V")[0], newer("e2fsck", "-V")[1:]...)
	if !strings.Contains(out, "e2fsck 1.47.2") && !strings.Contains(out, "e2fsck 1.47.3") {
		t.Errorf("it is %s", out)
	}
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name := range builders {
		build(t, job{builder: name, tree: want, packs: packs})
	}
}
