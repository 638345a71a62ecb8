package cas

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"banger/internal/hint"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// TestWithoutLocks uses a store on a filesystem that has none.
func TestWithoutLocks(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOLCK, unix.EOPNOTSUPP, unix.ENOSYS} {
		d := quickDisk()
		d.flock = func(*os.File, int) error { return errors.Join(ErrNoLocks, errno) }
		dir := t.TempDir()
		other := openDisk(t, dir, d)
		scratch, _, err := other.TempDir("x")
		must(t, err)
		s := openDisk(t, dir, d)
		if err := s.LocksHold(); !errors.Is(err, ErrNoLocks) || !errors.Is(err, errno) || hint.Of(err) != "keep the store on a local filesystem" {
			t.Errorf("%v: %v, hint %q", errno, err, hint.Of(err))
		}
		if _, err := os.Stat(scratch); err != nil {
			t.Errorf("what a living process is making: %v", err)
		}
		checkUsable(t, s)
	}
}

// TestViewWithoutLocks: what can be built in can be looked at, and says the
// same of its locks.
func TestViewWithoutLocks(t *testing.T) {
	none, far := quickDisk(), quickDisk()
	none.flock = func(*os.File, int) error { return ErrNoLocks }
	far.remote = func(dir string) (string, error) {
		_, err := os.Stat(dir)
		return "NFS", err
	}
	for name, d := range map[string]disk{"without flock": none, "on NFS": far} {
		dir := t.TempDir()
		maker := openDisk(t, dir, d)
		a := putAction(t, maker, "q")
		s, err := view(t.Context(), dir, d)
		must(t, err)
		if _, err := s.Action(a.Key); err != nil || s.LocksHold() == nil || s.LocksHold().Error() != maker.LocksHold().Error() {
			t.Errorf("%s: %v, %v and %v", name, err, s.LocksHold(), maker.LocksHold())
		}
		must(t, s.Close())
	}
	s, err := view(t.Context(), filepath.Join(t.TempDir(), "not/yet/there"), far)
	must(t, err)
	if err := s.LocksHold(); !errors.Is(err, ErrNoLocks) {
		t.Errorf("a store that is not there: %v", err)
	}
}

// checkUsable: everything works but gc, which may still say what it would do.
func checkUsable(t *testing.T, s *Store) {
	t.Helper()
	d := putText(t, s, "text")
	a := putAction(t, s, "q", d)
	_, err := s.Action(a.Key)
	must(t, err)
	unlock, err := s.Lock(t.Context(), "layer", d)
	must(t, err)
	unlock()
	must(t, s.Tag(t.Context(), descriptor("one"), "name"))
	if _, err := s.GC(t.Context(), GCOptions{All: true}); !errors.Is(err, ErrNoLocks) {
		t.Errorf("gc: %v", err)
	}
	res, err := s.GC(t.Context(), GCOptions{All: true, DryRun: true})
	if err != nil || res.Removed[KindAction].Count != 1 {
		t.Errorf("dry run: %+v, %v", res, err)
	}
	_, err = s.ReadBlob(d, 10)
	must(t, err)
}

// TestLockHangs: flock(2) on a network filesystem whose server is gone may
// not return, and the wait ends with its context all the same.
func TestLockHangs(t *testing.T) {
	d := quickDisk()
	d.remote = func(string) (string, error) { return "NFS", nil }
	s := openDisk(t, t.TempDir(), d)
	hangs, server := make(chan struct{}), make(chan struct{})
	s.disk.flock = func(f *os.File, how int) error {
		close(hangs)
		<-server
		return flock(f, how)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Lock(ctx, "layer", digest.FromString("x"))
		done <- err
	}()
	<-hangs
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// The lock that comes after all is given back.
	close(server)
	s.disk.flock = flock
	unlock, err := s.Lock(t.Context(), "layer", digest.FromString("x"))
	must(t, err)
	unlock()
}

// TestStaleIsReadAgain once, whatever the second answer is.
func TestStaleIsReadAgain(t *testing.T) {
	stale := &os.PathError{Op: "read", Path: "x", Err: unix.ESTALE}
	for name, answers := range map[string][]error{
		"never": {nil}, "once": {stale, nil}, "for ever": {stale, stale, nil}, "another": {unix.EIO, nil}, "then another": {stale, unix.EIO},
	} {
		calls := 0
		b, err := retryStale(func() ([]byte, error) {
			calls++
			return []byte{byte(calls)}, answers[calls-1]
		})
		want := 1
		if errors.Is(answers[0], unix.ESTALE) {
			want = 2
		}
		if calls != want || !errors.Is(err, answers[want-1]) || b[0] != byte(want) {
			t.Errorf("%s: %v, %v after %d calls", name, b, err, calls)
		}
	}
}
