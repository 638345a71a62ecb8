package buildtest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// spoilInode gives an inode what a host may give it.
func spoilInode(t *testing.T, path string) {
	if os.Geteuid() == 0 {
		if err := unix.Setxattr(path, "security.selinux", []byte("system_u:object_r:tmp_t:s0 with a long label, and still longer, to take a block\x00"), 0); err != nil {
			t.Fatal(err)
		}
	}
	_ = unix.Setxattr(path, "user.host", []byte("x"), 0) // not every filesystem has them
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const noDump = 0x40                                           // FS_NODUMP_FL
	_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, noDump) // nor flags
}
