package cas

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Open opens the store at dir and makes it when dir is absent or empty. A
// directory that holds something else, or a store of another version, is
// refused with [ErrVersion] and left as it is.
//
// A store that the caller may not write to, or whose disk is full, opens too:
// what it holds can be read, and what would write returns [ErrReadOnly] or
// [ErrNoSpace]; see [Store.Writable].
//
// What root puts into another user's store belongs to that user.
//
// The store is held with a shared lock until Close. What processes that died
// left in tmp is removed, where locks can tell; see [Store.LocksHold].
func Open(ctx context.Context, dir string) (*Store, error) {
	return open(ctx, dir, realDisk())
}

func open(ctx context.Context, dir string, d disk) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s := &Store{dir: abs, disk: d}
	if err := s.open(ctx); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open store %s: %w", abs, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	found, err := hasVersion(s.dir)
	if err != nil {
		return err
	}
	s.owner = findOwner(s.dir)
	if !found {
		if err := s.writeVersion(); err != nil {
			return Classify(err)
		}
	}
	s.checkFilesystem()
	err = s.startWriting(ctx)
	if errors.Is(err, ErrNoLocks) {
		s.withoutLocks(err)
		err = s.startWriting(ctx)
	}
	if err != nil {
		err = Classify(err)
		if !errors.Is(err, ErrReadOnly) && !errors.Is(err, ErrNoSpace) {
			return err
		}
		s.denied = err
		return s.lockShared(ctx)
	}
	if s.noLocks != nil {
		return nil // nobody knows who is dead
	}
	s.dropDeadJournal()
	return s.reclaim(ctx)
}

// startWriting does all that needs to write in the store.
func (s *Store) startWriting(ctx context.Context) error {
	if err := s.makeLayout(); err != nil {
		return err
	}
	if err := s.lockShared(ctx); err != nil {
		return err
	}
	return s.startSession(ctx)
}

// layoutDirs are the directories of a store, relative to it.
func layoutDirs() []string {
	dirs := []string{"tmp", "locks", "quarantine"}
	for _, k := range []kind{kindBlob, kindLayer, kindArtifact, kindAction} {
		dirs = append(dirs, k.dir())
	}
	return dirs
}

// makeLayout makes what is not there of the store's directories.
func (s *Store) makeLayout() error {
	for _, name := range layoutDirs() {
		if err := s.disk.makeDirs(s.path(name)); err != nil {
			return err
		}
	}
	spread(s.path("tmp"))
	return errors.Join(s.takeLayout(), s.syncLayout())
}

// syncLayout sees to it that the names of the store's directories are on the
// disk, whoever made them: what is committed below a directory is lost with
// it. index.json is made after that, so where it is there is nothing to do.
func (s *Store) syncLayout() error {
	if _, err := os.Lstat(s.path("index.json")); !absent(err) {
		return err
	}
	parents := map[string]bool{}
	for _, name := range layoutDirs() {
		parents[filepath.Dir(s.path(name))] = true
	}
	for dir := range parents {
		if err := s.disk.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// lockShared takes the store's shared lock once. A read-only store without
// its lock file has nobody to lock out.
func (s *Store) lockShared(ctx context.Context) error {
	if s.lock != nil {
		return nil
	}
	f, err := s.disk.lockFile(ctx, s.path("locks", "store"), unix.LOCK_SH, nil)
	if err != nil && s.denied != nil && ctx.Err() == nil {
		return nil
	}
	s.lock = f
	if err == nil && s.denied == nil {
		err = s.owner.take(f)
	}
	return err
}
