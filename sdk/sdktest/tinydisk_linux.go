package sdktest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mountTiny mounts a filesystem of tinyDisk bytes; unmountTiny takes it away.
func mountTiny(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", tinyDisk))
}

func unmountTiny(dir string) error { return unix.Unmount(dir, unix.MNT_DETACH) }
