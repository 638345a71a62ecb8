package need

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// XFS mounts a new filesystem of 1 GiB until the test ends, one whose files
// can share blocks, and returns where. It needs root.
func XFS(t testing.TB) (dir string) {
	t.Helper()
	Root(t)
	mkfs := Tool(t, "mkfs.xfs", "xfsprogs")
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "xfs")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 1<<30)); err != nil {
		t.Fatal(err)
	}
	Run(t, mkfs, "-q", "-m", "reflink=1", image)
	Mount(t, dir, "-o", "loop", image)
	return dir
}

// FreeBytes is how much room a filesystem has, after what has been written
// to it.
func FreeBytes(t testing.TB, dir string) int64 {
	t.Helper()
	var st unix.Statfs_t
	f, err := os.Open(dir)
	if err == nil {
		err = errors.Join(unix.Syncfs(int(f.Fd())), unix.Fstatfs(int(f.Fd()), &st), f.Close()) // delayed allocation counts, too
	}
	if err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}
