package stage

import (
	"fmt"

	"golang.org/x/sys/unix"

	"banger/sdk/tree"
)

// node is a staged inode: name in the directory dir, and for what can be
// opened harmlessly also a descriptor. Nothing is followed through a symlink,
// except by chmod, which is not asked to change one.
type node struct {
	dir  int
	name string
	fd   int // -1: only by name
}

func (n node) stat(st *unix.Stat_t) error {
	if n.fd >= 0 {
		return unix.Fstat(n.fd, st)
	}
	return unix.Fstatat(n.dir, n.name, st, unix.AT_SYMLINK_NOFOLLOW)
}

func (n node) chown(uid, gid uint32) error {
	if n.fd >= 0 {
		return unix.Fchown(n.fd, int(uid), int(gid))
	}
	return unix.Fchownat(n.dir, n.name, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
}

func (n node) chmod(mode uint32) error {
	if n.fd >= 0 {
		return unix.Fchmod(n.fd, mode)
	}
	return unix.Fchmodat(n.dir, n.name, mode, 0)
}

func (n node) setMTime(t tree.Time) error {
	ts, err := unix.TimeToTimespec(t.Time())
	if err != nil {
		return unix.EINVAL
	}
	return unix.UtimesNanoAt(n.dir, n.name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

func (n node) setXattr(name, value string) error {
	if n.fd >= 0 {
		return unix.Fsetxattr(n.fd, name, []byte(value), 0)
	}
	return unix.Lsetxattr(n.procPath(), name, []byte(value), 0)
}

// procPath names an inode that has no descriptor for calls that take none.
func (n node) procPath() string { return fmt.Sprintf("/proc/self/fd/%d/%s", n.dir, n.name) }

// xattr returns the value of an xattr, "" when there is none.
func (n node) xattr(name string) string {
	get := func(buf []byte) (int, error) {
		if n.fd >= 0 {
			return unix.Fgetxattr(n.fd, name, buf)
		}
		return unix.Lgetxattr(n.procPath(), name, buf)
	}
	size, err := get(nil)
	if err != nil || size == 0 {
		return ""
	}
	buf := make([]byte, size)
	if size, err = get(buf); err != nil {
		return ""
	}
	return string(buf[:size])
}
