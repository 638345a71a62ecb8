package cas

import (
	"fmt"
	"os"
	"path/filepath"

	"banger/internal/hint"
)

// LocksHold returns nil when file locks tell the store's users of each other,
// and else an [ErrNoLocks] that says why not: the filesystem has none, or it
// is one that several hosts can mount. Such a store works: what is in it is
// whole, as everywhere. But a thing may be made twice, and gc is refused.
func (s *Store) LocksHold() error { return s.noLocks }

// checkFilesystem finds the filesystems whose locks nobody should rely on. A
// store that is not there would be on that of the nearest directory that is.
func (s *Store) checkFilesystem() {
	dir := s.dir
	name, err := s.disk.remote(dir)
	for absent(err) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		name, err = s.disk.remote(dir)
	}
	if err == nil && name != "" {
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
