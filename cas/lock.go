package cas

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Lock takes the exclusive lock of one thing, named by a kind (lower-case
// letters, such as "layer" or "action") and a digest, against other processes
// and other goroutines alike. The first try is immediate; if it has to wait,
// it calls each onWait once and then waits until ctx ends; [Store.Holder] says
// for whom.
//
// Look the thing up again once the lock is held: whoever held it before may
// have made it. The lock of a process that dies is free at once. A lock file
// that someone removes while it is held no longer keeps newcomers out; then a
// thing may be made twice, which the commit protocol makes harmless.
//
// A lock orders what processes do to the disk, and is no mutex for a
// program's memory. unlock may be called more than once and from any goroutine.
func (s *Store) Lock(ctx context.Context, kind string, d digest.Digest, onWait ...func()) (unlock func(), err error) {
	hex, err := encoded(d)
	if err != nil {
		return nil, err
	}
	if kind == "" || strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz") != "" {
		return nil, fmt.Errorf("invalid kind of lock %q", kind)
	}
	return s.lockName(ctx, kind+"-"+hex, onWait...)
}

func (s *Store) lockName(ctx context.Context, name string, onWait ...func()) (unlock func(), err error) {
	if s.denied != nil {
		return nil, fmt.Errorf("lock %s: %w", name, s.denied)
	}
	waiting := func() {
		for _, f := range onWait {
			f()
		}
	}
	f, err := s.disk.lockFile(ctx, s.path("locks", name), unix.LOCK_EX, waiting)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, Classify(err))
	}
	if err := s.owner.take(f); err != nil {
		unlockFile(f)
		return nil, fmt.Errorf("lock %s: %w", name, Classify(err))
	}
	sign(f)
	var once sync.Once
	return func() { once.Do(func() { unsign(f); unlockFile(f) }) }, nil
}
