// Package e2e holds tests of the whole of banger against real images, real
// registries and the kernel.
package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
)

func TestMain(m *testing.M) {
	need.PrivateMounts()
	code := m.Run()
	bangertest.Cleanup()
	os.Exit(code)
}

// banger is one way of running the command: who, where, in what surroundings.
type banger struct {
	dir   string   // holds HOME, the store and TMPDIR
	env   []string // beside PATH and HOME
	umask string
	root  bool // run as the test's own user even if that is root
}

// newBanger returns one with directories of its own, to be run by an ordinary
// user.
func newBanger(t *testing.T) *banger {
	t.Helper()
	return &banger{dir: need.OpenDir(t), umask: "022"}
}

// run runs banger and returns its standard output.
func (b *banger) run(t *testing.T, args ...string) string {
	t.Helper()
	script := `umask "$1"; shift; exec "$@"`
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", script, "sh", b.umask, bangertest.Binary(t)}, args...)...)
	cmd.Dir = b.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir}, b.env...)
	if !b.root {
		need.AsNobody(cmd)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("banger %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// build builds image into a file of b's directory and returns its path.
func (b *banger) build(t *testing.T, builder, image string, args ...string) string {
	t.Helper()
	out := filepath.Join(b.dir, builder+".image")
	b.run(t, append([]string{"build", "-q", "--builder", builder, "-o", out, image}, args...)...)
	return out
}

// alpine returns the reference of the real Alpine image.
func alpine(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../shared/images/alpine-3.11-docker-archive.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	return "docker-archive:" + need.File(t, path, "an Alpine image, as docker save leaves it, beside the checkout")
}
