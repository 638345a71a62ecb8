package cas

import (
	"os"

	"golang.org/x/sys/unix"
)

// remote names dir's filesystem if it is not local (statfs(2), MNT_LOCAL),
// such as nfs, smbfs or webdav.
func remote(dir string) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", os.NewSyscallError("statfs", err)
	}
	if st.Flags&unix.MNT_LOCAL != 0 {
		return "", nil
	}
	return unix.ByteSliceToString(st.Fstypename[:]), nil
}
