package cas

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSessionsAreSpread has the kernel say, where it is ext4's, that
// directories in tmp are spread over the disk, for an old store too.
func TestSessionsAreSpread(t *testing.T) {
	dir := t.TempDir()
	must(t, openTest(t, dir).Close())
	tmp, err := os.Open(filepath.Join(dir, "tmp"))
	must(t, err)
	defer tmp.Close()
	var fs unix.Statfs_t
	must(t, unix.Fstatfs(int(tmp.Fd()), &fs))
	if fs.Type != unix.EXT4_SUPER_MAGIC {
		t.Logf("the filesystem here (magic %#x) is not ext4: there is nothing to hold it to", fs.Type)
		return
	}
	for range 2 {
		flags, err := unix.IoctlGetInt(int(tmp.Fd()), unix.FS_IOC_GETFLAGS)
		must(t, err)
		if flags&topDirFlag == 0 {
			t.Errorf("flags %#x", flags)
		}
		must(t, unix.IoctlSetPointerInt(int(tmp.Fd()), unix.FS_IOC_SETFLAGS, flags&^topDirFlag))
		must(t, openTest(t, dir).Close())
	}
}
