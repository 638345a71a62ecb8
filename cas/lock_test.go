package cas

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

var lockDigest = digest.FromString("thing")

func holdLock(dir string) error {
	s, err := Open(context.Background(), dir)
	if err != nil {
		return err
	}
	if _, err := s.Lock(context.Background(), "layer", lockDigest); err != nil {
		return err
	}
	return readyUntilKilled()
}

func TestLockRefusesOddNames(t *testing.T) {
	s := openTest(t, t.TempDir())
	check := unchanged(t, s)
	for _, kind := range []string{"", "../x", "a/b", "Layer", "x-y"} {
		if _, err := s.Lock(t.Context(), kind, lockDigest); err == nil {
			t.Errorf("took a lock of kind %q", kind)
		}
	}
	for _, d := range []digest.Digest{"", "sha256:..", "sha512:00", digest.Digest("sha256:" + strings.ToUpper(lockDigest.Encoded()))} {
		if _, err := s.Lock(t.Context(), "layer", d); err == nil || !strings.Contains(err.Error(), "invalid digest") {
			t.Errorf("lock of %q: %v", d, err)
		}
	}
	check()
}

func TestLockExcludesGoroutines(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openTest(t, dir), openTest(t, dir)}
	var inside, total atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 10 {
				unlock, err := stores[i%2].Lock(context.Background(), "layer", lockDigest)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d inside", n)
				}
				total.Add(1)
				inside.Add(-1)
				unlock()
				unlock()
			}
		})
	}
	all.Wait()
	if n := total.Load(); n != 80 {
		t.Errorf("%d turns", n)
	}
}

func TestLockOfAnotherProcess(t *testing.T) {
	s := openTest(t, t.TempDir())
	kill := startHelper(t, "hold lock", s.dir, "")

	for _, other := range []struct {
		kind string
		d    digest.Digest
	}{{"action", lockDigest}, {"layer", digest.FromString("other")}} {
		unlock, err := s.Lock(t.Context(), other.kind, other.d, func() { t.Errorf("waits for %v", other) })
		must(t, err)
		unlock()
	}

	ctx, cancel := context.WithCancel(t.Context())
	waits := 0
	_, err := s.Lock(ctx, "layer", lockDigest, func() { waits++; cancel() })
	if !errors.Is(err, context.Canceled) || waits != 1 {
		t.Errorf("got %v, %d waits", err, waits)
	}
	// The holder dies while we wait.
	unlock, err := s.Lock(t.Context(), "layer", lockDigest, kill)
	must(t, err)
	unlock()
}

func TestLockFileUnlinked(t *testing.T) {
	s := openTest(t, t.TempDir())
	path := s.path("locks", "layer-"+lockDigest.Encoded())
	unlockFirst, err := s.Lock(t.Context(), "layer", lockDigest)
	must(t, err)

	// A waiter that began before the file went still waits for its holder, and
	// then locks the file that is there, not the one that is gone.
	var firstDone atomic.Bool
	waiting := make(chan struct{})
	got := make(chan func())
	go func() {
		unlock, err := s.Lock(context.Background(), "layer", lockDigest, func() { close(waiting) })
		if err != nil || !firstDone.Load() {
			t.Errorf("entered beside the holder, or %v", err)
		}
		got <- unlock
	}()
	<-waiting
	must(t, os.Remove(path))
	firstDone.Store(true)
	unlockFirst()
	unlockSecond := <-got
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if f, err := s.disk.tryLockFile(path, unix.LOCK_EX); !errors.Is(err, errHeld) {
		unlockFile(f)
		t.Errorf("the new file is not the one locked: %v", err)
	}
	unlockSecond()
}

// buildOnce is a build in little: lock, look, build, put.
func buildOnce(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir)
	if err != nil {
		return err
	}
	key, preimage, err := ActionKey("build")
	if err != nil {
		return err
	}
	unlock, err := s.Lock(ctx, "action", key)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.Action(key); err == nil || !errors.Is(err, ErrNotFound) {
		return err
	}
	count, err := os.OpenFile(os.Getenv(argEnv), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = count.Close() }()
	if _, err := fmt.Fprintln(count, "built"); err != nil {
		return err
	}
	d, err := s.PutBlob(ctx, []byte("result"))
	if err != nil {
		return err
	}
	return s.PutAction(ctx, Action{Key: key, Preimage: preimage, Blobs: []digest.Digest{d}})
}

func TestManyProcessesBuildOnce(t *testing.T) {
	dir, count := t.TempDir(), filepath.Join(t.TempDir(), "count")
	var all []*exec.Cmd
	for range 8 {
		cmd := helper(t, "build once", dir, count)
		must(t, cmd.Start())
		all = append(all, cmd)
	}
	for _, cmd := range all {
		must(t, cmd.Wait())
	}
	b, err := os.ReadFile(count)
	if err != nil || strings.Count(string(b), "built") != 1 {
		t.Errorf("%q, %v", b, err)
	}
}
