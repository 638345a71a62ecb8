package cas

import (
	"os"
	"path/filepath"
	"syscall"
)

// owner is who gets what root puts into a store: its directory's owner. So a
// user's store stays that user's, also after sudo, whatever root's umask is.
//
// Temporary directories stay root's: what root stages there may have
// set-user-ID bits and must not be within the user's reach.
type owner struct{ uid, gid int }

// findOwner returns nil where there is nothing to hand over.
func findOwner(dir string) *owner {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 {
		return nil
	}
	return &owner{int(st.Uid), int(st.Gid)}
}

// take hands an open file over.
func (o *owner) take(f *os.File) error {
	if o == nil {
		return nil
	}
	return f.Chown(o.uid, o.gid)
}

// takeDir hands a directory over, but not what is in it.
func (o *owner) takeDir(path string) error {
	if o == nil {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}

// takeLayout hands the store's own directories over.
func (s *Store) takeLayout() error {
	for _, name := range layoutDirs() {
		for dir := s.path(name); dir != s.dir; dir = filepath.Dir(dir) {
			if err := s.owner.takeDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}
