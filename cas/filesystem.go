package cas

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// remote names the filesystems on which another host may hold the store, by
// their magic numbers (statfs(2), linux/magic.h, and the sources of those
// that are not in the kernel).
var remote = map[int64]string{
	unix.NFS_SUPER_MAGIC:   "NFS",
	unix.SMB_SUPER_MAGIC:   "SMB",
	unix.SMB2_SUPER_MAGIC:  "SMB",
	unix.CIFS_SUPER_MAGIC:  "CIFS",
	unix.AFS_SUPER_MAGIC:   "AFS",
	unix.CODA_SUPER_MAGIC:  "Coda",
	unix.NCP_SUPER_MAGIC:   "NCP",
	unix.V9FS_MAGIC:        "9p",
	unix.CEPH_SUPER_MAGIC:  "Ceph",
	unix.OCFS2_SUPER_MAGIC: "OCFS2",
	0x01161970:             "GFS2",
	0x0bd00bd0:             "Lustre",
	0x47504653:             "GPFS",
	0x19830326:             "BeeGFS",
}

func filesystem(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, os.NewSyscallError("statfs", err)
	}
	return int64(uint32(st.Type)), nil //nolint:gosec // the kernel's f_type has 32 bits on every platform
}

// LocksHold returns nil when file locks tell the store's users of each other,
// and else an [ErrNoLocks] that says why not: the filesystem has none, or it
// is one that several hosts can mount. Such a store works: what is in it is
// whole, as everywhere. But a thing may be made twice, and gc is refused.
func (s *Store) LocksHold() error { return s.noLocks }

// checkFilesystem finds the filesystems whose locks nobody should rely on.
func (s *Store) checkFilesystem() {
	magic, err := s.disk.filesystem(s.dir)
	if name, found := remote[magic]; err == nil && found {
		s.disk.mayHang = true
		s.noLocks = noLocks(fmt.Errorf("%w: %s is on %s, where other hosts may not see them", ErrNoLocks, s.dir, name))
	}
}

// withoutLocks notes that the filesystem has no locks at all and goes on
// without them.
func (s *Store) withoutLocks(err error) {
	s.noLocks = noLocks(err)
	s.disk.flock = func(*os.File, int) error { return nil }
}

func noLocks(err error) error {
	return hint.With(err, "keep the store on a local filesystem")
}
