package cas

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// access is how a gc keeps clear of the others.
type access struct {
	journal *os.File // what they use from now on; nil for a gc that is alone
	read    int64    // bytes of it that are known
	alone   bool     // the store is locked exclusively
}

// begin makes c the one gc and finds what is in use.
func (c *collector) begin(ctx context.Context) (release func(), err error) {
	if c.o.DryRun {
		return func() {}, c.readSessions()
	}
	s := c.s
	if s.noLocks != nil {
		return nil, s.noLocks
	}
	if s.denied != nil && !errors.Is(s.denied, ErrNoSpace) {
		return nil, s.denied
	}
	if s.denied != nil {
		return c.leave, c.beAlone()
	}
	gc, err := c.lockGC(ctx)
	if err != nil {
		return nil, err
	}
	_ = s.owner.take(gc)
	if err := c.joinOthers(ctx); err != nil {
		unlockFile(gc)
		return nil, err
	}
	return func() { c.leave(); unlockFile(gc) }, nil
}

func (c *collector) lockGC(ctx context.Context) (*os.File, error) {
	path := c.s.path("locks", "gc")
	if !c.o.NoWait {
		return c.s.disk.lockFile(ctx, path, unix.LOCK_EX, nil)
	}
	f, err := c.s.disk.tryLockFile(path, unix.LOCK_EX)
	if errors.Is(err, errHeld) {
		err = fmt.Errorf("%w: another gc is at work", ErrBusy)
	}
	return f, err
}

// joinOthers starts the journal and then reads what the living use, so that
// every use is in one of the two.
func (c *collector) joinOthers(ctx context.Context) error {
	unlock, err := c.lockUses(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if c.access.journal, err = c.s.startJournal(); err != nil {
		return err
	}
	if err := c.readSessions(); err != nil {
		c.leave()
		return err
	}
	return nil
}

// lockUses keeps everybody from beginning to use something. Who is alone need
// not ask.
func (c *collector) lockUses(ctx context.Context) (unlock func(), err error) {
	if c.access.alone {
		return func() {}, nil
	}
	unlock, err = c.s.lockUses(ctx.Done())
	if errors.Is(err, errGivenUp) {
		err = ctx.Err()
	}
	return unlock, err
}

// beAlone turns the shared lock of a session without a place for records into
// an exclusive one.
func (c *collector) beAlone() error {
	err := errHeld
	if c.s.lock != nil {
		err = c.s.disk.flock(c.s.lock, unix.LOCK_EX|unix.LOCK_NB)
	}
	if errors.Is(err, errHeld) {
		err = fmt.Errorf("%w: on a full disk gc must be alone with the store", ErrBusy)
		return hint.With(err, "wait for the other processes that use it, or free some space elsewhere")
	}
	c.access.alone = err == nil
	return err
}

func (c *collector) leave() {
	if c.access.alone {
		_ = c.s.disk.flock(c.s.lock, unix.LOCK_SH)
	}
	if c.access.journal != nil {
		c.s.endJournal(c.access.journal)
	}
}

// readSessions reads what the sessions of living processes use, the own one
// included.
func (c *collector) readSessions() error {
	paths, err := filepath.Glob(filepath.Join(escapeGlob(c.s.path("tmp")), "*"+leaseSuffix))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := c.readSession(path); err != nil {
			return err
		}
	}
	return c.checkOrphans()
}

// checkOrphans looks for living sessions whose lock file someone has unlinked:
// nobody can tell what they use.
func (c *collector) checkOrphans() error {
	entries, err := os.ReadDir(c.s.path("tmp"))
	if err != nil && !absent(err) {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && c.s.noLocks == nil && c.s.orphan(c.s.path("tmp", e.Name())) {
			return unreadable(e.Name(), errors.New("its lock file was removed"))
		}
	}
	return nil
}

func unreadable(session string, err error) error {
	err = fmt.Errorf("%w: cannot read what the process of tmp/%s uses: %w", ErrBusy, session, err)
	return hint.With(err, "wait until it has ended, or run this as that process's user or as root")
}

// readSession reads one session's uses, unless its process is gone.
func (c *collector) readSession(path string) error {
	f, _, err := openRegular(path)
	if absent(err) {
		return nil
	}
	if err != nil {
		return unreadable(filepath.Base(path), err)
	}
	defer func() { _ = f.Close() }()
	if c.s.noLocks == nil && path != c.s.session+leaseSuffix && c.s.disk.flock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = c.s.disk.flock(f, unix.LOCK_UN)
		return nil
	}
	_, err = readUses(f, 0, c.use)
	return err
}

func (c *collector) use(o Object) { c.used[o] = true }

// learn reads what was used since. The caller holds the lock of uses.
func (c *collector) learn() (err error) {
	if c.access.journal != nil {
		c.access.read, err = readUses(c.access.journal, c.access.read, c.use)
	}
	return err
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
