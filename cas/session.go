package cas

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// leaseSuffix names the lock file of a session beside its directory. It is
// made before the directory and removed after it; while a process holds it,
// with a shared flock, the session is alive. It lists what the session uses;
// see [Store.use].
const leaseSuffix = ".lock"

// startSession makes tmp/SESSION, private to its user, and writes the files
// that an OCI layout must have, which need one.
func (s *Store) startSession(ctx context.Context) error {
	dir := s.path("tmp", fmt.Sprintf("%d-%s", os.Getpid(), rand.Text()))
	lease, err := s.disk.lockFile(ctx, dir+leaseSuffix, unix.LOCK_SH, nil)
	if err != nil {
		return err
	}
	s.lease, s.session = lease, dir
	s.shareWithWriters(lease, "tmp")
	err = s.disk.mkdir(dir, 0o700)
	if err == nil {
		s.hold, err = s.disk.lockDir(dir, unix.LOCK_SH)
	}
	if err == nil {
		err = s.makeOCILayout()
	}
	if err != nil {
		_ = s.endSession()
		s.session = ""
	}
	return err
}

// endSession removes the session's directory, then its lock file.
func (s *Store) endSession() error {
	if s.lease == nil {
		return nil
	}
	defer func() {
		unlockFile(s.hold)
		unlockFile(s.lease)
		s.hold, s.lease = nil, nil
	}()
	if err := removeTree(s.session); err != nil {
		return fmt.Errorf("remove temporary files: %w", err)
	}
	return os.Remove(s.session + leaseSuffix)
}

// reclaim removes the sessions of processes that are gone: those whose lock
// is free. What cannot be removed, another user's for one, stays.
func (s *Store) reclaim(ctx context.Context) error {
	entries, err := os.ReadDir(s.path("tmp"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := s.path("tmp", strings.TrimSuffix(e.Name(), leaseSuffix))
		if dir != s.session {
			s.reclaimSession(dir)
		}
	}
	return nil
}

func (s *Store) reclaimSession(dir string) {
	if s.orphan(dir) {
		return
	}
	lease, err := s.disk.tryLockFile(dir+leaseSuffix, unix.LOCK_EX)
	if err != nil {
		return
	}
	defer unlockFile(lease)
	if err := removeTree(dir); err == nil {
		_ = os.Remove(dir + leaseSuffix)
	}
}

// orphan says whether dir is that of a living session whose lock file someone
// has unlinked. Only where there is no lock file may the directory's own lock
// be tried: a session that begins has the file before it takes that lock.
func (s *Store) orphan(dir string) bool {
	if _, err := os.Lstat(dir + leaseSuffix); !absent(err) {
		return false
	}
	f, err := s.disk.lockDir(dir, unix.LOCK_EX)
	unlockFile(f)
	return err != nil && !absent(err) && !errors.Is(err, unix.ENOTDIR)
}

// tempName returns an unused name in the session's directory, or why the
// store cannot be written.
func (s *Store) tempName(what string) (string, error) {
	if s.denied != nil {
		return "", s.denied
	}
	return filepath.Join(s.session, what+"-"+rand.Text()), nil
}

// createTemp creates a file under tempName, with the mode that the user's
// umask leaves.
func (s *Store) createTemp(what string) (*os.File, error) {
	name, err := s.tempName(what)
	if err != nil {
		return nil, err
	}
	return s.disk.create(name)
}

// TempDir makes a private directory (mode 0700) in the session's directory,
// whose name begins with what. remove takes it away with everything in it,
// directories without any permission included; Close and, after a crash, the
// next Open do the same.
func (s *Store) TempDir(what string) (dir string, remove func(), err error) {
	dir, err = s.tempName(what)
	if err == nil {
		err = s.disk.mkdir(dir, 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make temporary directory: %w", Classify(err))
	}
	return dir, func() { _ = removeTree(dir) }, nil
}

// removeTree is os.RemoveAll that gives itself the permissions it lacks. It
// never leaves path through a symlink.
func removeTree(path string) error {
	err := os.RemoveAll(path)
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	unlockDirs(root)
	return os.RemoveAll(path)
}

// unlockDirs makes every directory below root accessible, as far as it can,
// and closes root.
func unlockDirs(root *os.Root) {
	defer func() { _ = root.Close() }()
	d, err := root.Open(".")
	if err != nil {
		return
	}
	entries, _ := d.ReadDir(-1)
	_ = d.Close()
	for _, e := range entries {
		if !e.IsDir() || root.Chmod(e.Name(), 0o700) != nil {
			continue
		}
		if sub, err := root.OpenRoot(e.Name()); err == nil {
			unlockDirs(sub)
		}
	}
}
