package host

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func device(st *unix.Stat_t) uint64 { return st.Dev }

// setLease asks for a lease on a file, or gives it back: fcntl(2), F_SETLEASE.
// A descriptor that this process wrote to and closed is gone only when no
// child has a copy any more; see reopen.
func setLease(f *os.File, kind int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, kind)
	return err
}

// isNFS tells a filesystem that grants leases as its server likes.
func isNFS(f *os.File) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &st) == nil && st.Type == unix.NFS_SUPER_MAGIC
}
