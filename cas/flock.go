package cas

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// errHeld: someone else holds the lock.
	errHeld = errors.New("lock is held")
	// errGivenUp: the caller wanted to wait no longer.
	errGivenUp = errors.New("given up")
)

// How long a waiter sleeps between two looks at a lock: at first, and at most.
const (
	lockPause    = 2 * time.Millisecond
	maxLockPause = 100 * time.Millisecond
)

// lockFile locks the file at path, which it makes if need be, with LOCK_SH or
// LOCK_EX. The first try is immediate; then it calls onWait, if not nil, once
// and looks again and again until ctx ends. A waiter keeps the file it began
// to wait for open, so it waits for that file's holder even when someone
// unlinks it meanwhile.
func (d *disk) lockFile(ctx context.Context, path string, how int, onWait func()) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	for pause := lockPause; ; pause = min(2*pause, maxLockPause) {
		f, err = d.lockOpened(ctx.Done(), f, path, how|unix.LOCK_NB)
		if errors.Is(err, errGivenUp) {
			err = fmt.Errorf("wait for lock %s: %w", path, ctx.Err())
		}
		if !errors.Is(err, errHeld) {
			return f, err
		}
		if onWait != nil {
			onWait()
			onWait = nil
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("wait for lock %s: %w", path, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// tryLockFile is lockFile without waiting: it fails with errHeld.
func (d *disk) tryLockFile(path string, how int) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	f, err = d.lockOpened(nil, f, path, how|unix.LOCK_NB)
	if errors.Is(err, errHeld) {
		_ = f.Close()
		return nil, err
	}
	return f, err
}

// lockDir locks a directory, or fails with errHeld.
func (d *disk) lockDir(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := d.flock(f, how|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// unlockFile releases and closes f; a nil f is none. The explicit LOCK_UN
// releases the lock even while a child between fork and exec shares f.
func unlockFile(f *os.File) {
	if f == nil {
		return
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	_ = f.Close()
}

func openLock(path string) (*os.File, error) {
	const flags = unix.O_NOFOLLOW | unix.O_NONBLOCK
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|flags, 0o666)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		// Another user's lock file, or a read-only store: flock(2) needs no
		// write access on a local filesystem.
		if ro, roErr := os.OpenFile(path, os.O_RDONLY|flags, 0); roErr == nil {
			return ro, nil
		}
	}
	return f, err
}

// lockOpened tries to lock f, opened from path. A lock on a file that is no
// longer the one at path excludes nobody, so it is then tried on the file that
// is. The returned file takes f's place; it is open but not locked with
// errHeld, and closed with every other error.
func (d *disk) lockOpened(done <-chan struct{}, f *os.File, path string, how int) (*os.File, error) {
	for range maxTries {
		err := d.flockUntil(done, f, how)
		if errors.Is(err, errGivenUp) {
			return nil, err
		}
		if errors.Is(err, errHeld) {
			return f, err
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if current(f, path) {
			return f, nil
		}
		unlockFile(f)
		if f, err = openLock(path); err != nil {
			return nil, err
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("lock %s: the file at that name keeps changing", path)
}

// flockUntil is flock(2) that returns errGivenUp when done is closed, even
// where the call itself hangs, as it may on a network filesystem whose server
// is gone. f is then closed as soon as the call has come back.
func (d *disk) flockUntil(done <-chan struct{}, f *os.File, how int) error {
	if done == nil || (how&unix.LOCK_NB != 0 && !d.mayHang) {
		return d.flock(f, how)
	}
	result := make(chan error, 1)
	go func() { result <- d.flock(f, how) }()
	select {
	case err := <-result:
		return err
	case <-done:
		go func() {
			<-result //nolint:errcheck // had or not, the lock goes with the file
			unlockFile(f)
		}()
		return errGivenUp
	}
}

// flock is flock(2), which fails with errHeld where LOCK_NB is asked and
// someone else has the lock, and with ErrNoLocks where there are no locks.
func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errHeld
		case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
			return fmt.Errorf("%w: %w", ErrNoLocks, err)
		default:
			return err
		}
	}
}

// current says whether f is still the file at path.
func current(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}
