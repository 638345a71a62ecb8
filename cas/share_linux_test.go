package cas

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/need"
)

// TestCopyOutShares copies out on a filesystem that can share blocks: the
// copy has the image's bytes and takes no room of its own.
func TestCopyOutShares(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.xfs", "xfsprogs")
	dir := mountXFS(t)
	s := openTest(t, filepath.Join(dir, "store"))
	noise := make([]byte, 16<<20)
	_, _ = rand.Read(noise) // it never fails
	a := putImage(t, s, string(noise))
	before := freeBytes(t, dir)
	dst := filepath.Join(dir, "out")
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{Fsync: true}))
	if took := before - freeBytes(t, dir); took > 1<<20 {
		t.Errorf("the copy took %d bytes", took)
	}
	if is, err := os.ReadFile(dst); err != nil || !bytes.Equal(is, noise) {
		t.Errorf("the copy differs, %v", err)
	}
	must(t, os.WriteFile(dst, []byte("the user's own"), 0o600))
	if is, err := os.ReadFile(a.Path); err != nil || !bytes.Equal(is, noise) {
		t.Errorf("the image changed with its copy, %v", err)
	}
}

// mountXFS mounts a new filesystem until the test ends.
func mountXFS(t *testing.T) string {
	t.Helper()
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "xfs")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 512<<20))
	for _, args := range [][]string{{"mkfs.xfs", "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	must(t, unix.Statfs(dir, &st))
	return int64(st.Bavail) * st.Bsize
}
