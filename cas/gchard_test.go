package cas

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
	"banger/internal/need"
)

// TestGCIsKilled after each rename: what is left is whole, and the next gc
// removes the rest.
func TestGCIsKilled(t *testing.T) {
	for n := range 4 {
		g := newGCStore(t)
		cmd := helper(t, "gc and die", g.dir, string(rune('0'+n)))
		if err := cmd.Run(); err == nil {
			t.Fatal("it did not die")
		}
		if has(t, g.Store, Object{KindAction, g.old.Key}) && !has(t, g.Store, Object{KindBlob, g.oldB}) {
			t.Error("an action names what is gone")
		}
		s := openTest(t, g.dir)
		if _, err := os.Lstat(s.path("locks", journalName)); !absent(err) {
			t.Errorf("journal: %v", err)
		}
		gc(t, s, GCOptions{All: true})
		g.expectGone(t, "old", "oldB", "young", "youngB", "loose")
	}
}

func gcAndDie(dir string) error {
	d := quickDisk()
	left := os.Getenv(argEnv)[0] - '0'
	d.rename = func(from, to string, replace bool) error {
		err := rename(from, to, replace)
		if left == 0 {
			die()
		}
		left--
		return err
	}
	s, err := open(context.Background(), dir, d)
	if err != nil {
		return err
	}
	_, err = s.GC(context.Background(), GCOptions{All: true})
	return err
}

func TestGCOfReadOnlyStore(t *testing.T) {
	dir := need.OpenDir(t)
	asUser(t, dir, func(t *testing.T) {
		store := filepath.Join(dir, "store")
		fillStore(t, store)
		for _, d := range []string{".", "tmp", "locks"} {
			must(t, os.Chmod(filepath.Join(store, d), 0o555))
			defer func() { must(t, os.Chmod(filepath.Join(store, d), 0o755)) }()
		}
		s := openTest(t, store)
		check := unchanged(t, s)
		if _, err := s.GC(t.Context(), GCOptions{All: true}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("got %v", err)
		}
		res, err := s.GC(t.Context(), GCOptions{All: true, DryRun: true})
		if err != nil || res.Total().Count < 4 {
			t.Errorf("dry run: %+v, %v", res, err)
		}
		check()
	})
}

// TestGCOnFullDisk: gc is what makes room there, if it is alone.
func TestGCOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	need.Tmpfs(t, dir, "size=4m,nr_inodes=200")
	store := filepath.Join(dir, "store")
	fillStore(t, store)
	fillUp(t, dir)
	s, other := openTest(t, store), openTest(t, store)
	if err := s.Writable(); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("writable: %v", err)
	}
	if _, err := s.GC(t.Context(), GCOptions{All: true}); !errors.Is(err, ErrBusy) ||
		hint.Of(err) != "wait for the other processes that use it, or free some space elsewhere" {
		t.Errorf("beside another process: %v, hint %q", err, hint.Of(err))
	}
	must(t, other.Close())
	res := gc(t, s, GCOptions{All: true})
	if res.Failed != 0 || res.Removed[KindArtifact].Count != 1 || res.Removed[KindImage].Count != 1 {
		t.Errorf("%+v", res)
	}
	again := openTest(t, store)
	must(t, again.Writable())
	putText(t, again, "room again")
}

// TestBatchesAreShort: on a disk where a rename takes as long as a batch may,
// gc lets go of the lock of uses after each one, so that nobody waits for it
// until all is removed.
func TestBatchesAreShort(t *testing.T) {
	g := newGCStore(t)
	removed := 0
	g.disk.rename = func(from, to string, replace bool) error {
		removed++
		time.Sleep(batchTime)
		return rename(from, to, replace)
	}
	taken := 0
	g.disk.flock = func(f *os.File, how int) error {
		err := flock(f, how)
		if err == nil && filepath.Base(f.Name()) == usesName && how&unix.LOCK_UN == 0 {
			taken++
		}
		return err
	}
	gc(t, g.Store, GCOptions{All: true})
	if removed != 5 || taken < removed {
		t.Errorf("%d things were removed, and the lock was taken %d times", removed, taken)
	}
}
