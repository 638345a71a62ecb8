package stage

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"banger/sdk/tree"
)

// attributes gives the inode n what e says, as far as that is to be had, and
// notes what the inode then lacks.
func (s *stager) attributes(e *tree.Entry, n node) error {
	var st unix.Stat_t
	if err := n.stat(&st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if s.plain {
		return s.plainAttributes(e, n, &st)
	}
	if err := s.setOwner(e, n, &st); err != nil {
		return err
	}
	if err := s.setXattrs(e, n, &st); err != nil {
		return err
	}
	mode := s.stagedMode(e)
	// An ACL brings a mode of its own. Set-id bits, which chown clears, are
	// never there yet.
	if e.Type != tree.Symlink && (len(e.Xattrs) > 0 || st.Mode&0o7777 != mode) {
		if err := n.chmod(mode); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
	}
	if err := setMTime(n, e.MTime); err != nil {
		return err
	}
	if err := n.stat(&st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	s.compare(e, n, &st)
	return nil
}

func (s *stager) plainAttributes(e *tree.Entry, n node, st *unix.Stat_t) error {
	mode := uint32(0o600)
	if e.Type == tree.Directory {
		mode = 0o700
	}
	if e.Type != tree.Symlink && st.Mode&0o7777 != mode {
		if err := n.chmod(mode); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
	}
	return setMTime(n, e.MTime)
}

// setOwner leaves the owner as it is where it cannot be had: without
// privilege, or (EINVAL) an id that a user namespace does not map.
func (s *stager) setOwner(e *tree.Entry, n node, st *unix.Stat_t) error {
	if !s.privileged || st.Uid == e.UID && st.Gid == e.GID {
		return nil
	}
	err := n.chown(e.UID, e.GID)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("chown: %w", err)
	}
	return nil
}

// setXattrs loses what the kernel refuses for want of privilege, of a
// namespace, or of room, and fails at what is no refusal.
func (s *stager) setXattrs(e *tree.Entry, n node, st *unix.Stat_t) error {
	if len(e.Xattrs) == 0 {
		return nil
	}
	if n.fd >= 0 && st.Mode&0o200 == 0 { // as the umask may have left it
		if err := n.chmod(0o700); err != nil {
			return fmt.Errorf("chmod: %w", err)
		}
	}
	for _, x := range e.Xattrs {
		err := n.setXattr(x.Name, x.Value)
		switch {
		case err == nil:
		case refusedXattr(err), errors.Is(err, unix.ENOSPC) && !isFull(n.dir):
			s.loseXattr(e.Path, x, err.Error())
		default:
			return fmt.Errorf("set xattr %q: %w", x.Name, err)
		}
	}
	return nil
}

// refusedXattr tells the errors of setxattr(2) that are about this xattr on
// this inode. ENOENT comes from a missing /proc, E2BIG and ERANGE from
// filesystems with little room for xattrs.
func refusedXattr(err error) bool {
	for _, e := range []error{
		unix.EPERM, unix.EACCES, unix.EOPNOTSUPP, unix.EINVAL, unix.ERANGE, unix.E2BIG, unix.ENOENT, unix.ENAMETOOLONG,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// isFull tells a full filesystem from ext4's ENOSPC for an xattr that is too
// large for it.
func isFull(dir int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(dir, &st) != nil || st.Bavail < 16
}

func setMTime(n node, t tree.Time) error {
	err := n.setMTime(t)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOVERFLOW) {
		return fmt.Errorf("set mtime: %w", err)
	}
	return nil
}

// stagedMode is e's mode, opened up where who builds could not read it.
func (s *stager) stagedMode(e *tree.Entry) uint32 {
	switch {
	case s.privileged:
		return e.Mode
	case e.Type == tree.Directory:
		return e.Mode | 0o500
	default:
		return e.Mode | 0o400
	}
}

// compare notes where the inode as it stands differs from e.
func (s *stager) compare(e *tree.Entry, n node, st *unix.Stat_t) {
	if st.Uid != e.UID || st.Gid != e.GID {
		s.loseOwner(e, st)
	}
	if e.Type != tree.Symlink && st.Mode&0o7777 != e.Mode {
		s.loseMode(e, st)
	}
	sec, nsec := st.Mtim.Unix()
	if got := (tree.Time{Sec: sec, Nsec: uint32(nsec)}); got != e.MTime {
		s.loseMTime(e, got)
	}
	for _, x := range e.Xattrs { // the kernel makes ACLs and modes agree
		if strings.HasPrefix(x.Name, "system.") {
			if got := n.xattr(x.Name); got != x.Value {
				s.changedXattr(e.Path, x, got)
			}
		}
	}
}
