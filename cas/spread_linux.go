package cas

import (
	"os"

	"golang.org/x/sys/unix"
)

// topDirFlag is FS_TOPDIR_FL of linux/fs.h, the attribute T of chattr(1).
const topDirFlag = 0x00020000

// spread asks the filesystem to put what lies below each directory of dir
// elsewhere on the disk, as far as it knows how. ext4 passes over every inode
// that was freed in the last seconds when it looks for one to give to a file
// beside it: without this, a directory tree made where one of the same size
// was just removed takes several times as long.
func spread(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer func() { _ = d.Close() }()
	flags, err := unix.IoctlGetInt(int(d.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil && flags&topDirFlag == 0 {
		_ = unix.IoctlSetPointerInt(int(d.Fd()), unix.FS_IOC_SETFLAGS, flags|topDirFlag)
	}
}
