package cas

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// View opens the store at dir to look at it: nothing in it is changed, not
// even the time of an action's last use, and everything that would write
// returns an [ErrReadOnly]. A store that does not exist is an empty one, and
// is not made. Like [Open], it refuses what is no store with [ErrVersion].
func View(ctx context.Context, dir string) (*Store, error) {
	return view(ctx, dir, realDisk())
}

func view(ctx context.Context, dir string, d disk) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s := &Store{dir: abs, disk: d, denied: fmt.Errorf("%w: it is only looked at", ErrReadOnly)}
	if err := s.view(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open store %s: %w", abs, err)
	}
	return s, nil
}

func (s *Store) view(ctx context.Context) error {
	found, err := hasVersion(s.dir)
	if err != nil {
		return err
	}
	s.checkFilesystem()
	if !found {
		if err := s.refuseForeign(); !absent(err) {
			return err
		}
		return nil
	}
	path := s.path("locks", "store")
	if _, err := os.Lstat(path); err != nil {
		return nil // nobody has it exclusively, then
	}
	s.lock, err = s.disk.lockFile(ctx, path, unix.LOCK_SH, nil)
	if errors.Is(err, ErrNoLocks) {
		s.withoutLocks(err)
		return nil
	}
	return err
}
