package cas

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// largeBlob is worth keeping a part of.
func largeBlob(t *testing.T) ([]byte, digest.Digest) {
	t.Helper()
	b := make([]byte, 3*minPartial)
	_, err := rand.NewChaCha8([32]byte{1}).Read(b)
	must(t, err)
	return b, digest.FromBytes(b)
}

// resume goes on with d, wants kept bytes of it there, and reads them.
func resume(t *testing.T, s *Store, d digest.Digest, kept []byte) *PartialBlob {
	t.Helper()
	w, err := s.ResumeBlob(d)
	must(t, err)
	got, err := io.ReadAll(w.Kept())
	must(t, err)
	if w.KeptSize() != int64(len(kept)) || !bytes.Equal(got, kept) {
		t.Fatalf("%d bytes are kept, %d were read, want %d", w.KeptSize(), len(got), len(kept))
	}
	return w
}

func write(t *testing.T, w io.Writer, b []byte) {
	t.Helper()
	n, err := w.Write(b)
	must(t, err)
	if n != len(b) {
		t.Fatalf("wrote %d of %d bytes", n, len(b))
	}
}

// TestResumeBlob goes on with a blob that was suspended, and with one whose
// process was killed: its lock is free, and nothing else was done.
func TestResumeBlob(t *testing.T) {
	b, d := largeBlob(t)
	ends := map[string]func(*PartialBlob){
		"suspended": (*PartialBlob).Suspend,
		"killed":    func(w *PartialBlob) { w.unlock() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, dir)
			w := resume(t, s, d, nil)
			write(t, w, b[:2*minPartial])
			end(w)

			s = openTest(t, dir)
			w = resume(t, s, d, b[:2*minPartial])
			write(t, w, b[:minPartial]) // what the caller has passed on of Kept
			write(t, w, b[minPartial:])
			must(t, w.Commit(t.Context(), d, int64(len(b))))
			got, err := s.ReadBlob(d, int64(len(b)))
			must(t, err)
			if !bytes.Equal(got, b) {
				t.Error("another blob")
			}
			if left := s.partials(time.Now()); len(left) > 0 {
				t.Errorf("left: %+v", left)
			}
			w.Abort()
			must(t, s.CheckBlob(t.Context(), d, true))
		})
	}
}

// TestResumeBeside has a second process begin anew while the first one fetches.
func TestResumeBeside(t *testing.T) {
	b, d := largeBlob(t)
	dir := t.TempDir()
	first, second := openTest(t, dir), openTest(t, dir)
	w := resume(t, first, d, nil)
	write(t, w, b[:2*minPartial])
	beside := resume(t, second, d, nil)
	write(t, beside, b)
	must(t, beside.Commit(t.Context(), d, int64(len(b))))
	write(t, w, b[2*minPartial:])
	must(t, w.Commit(t.Context(), d, int64(len(b))))
	must(t, first.CheckBlob(t.Context(), d, true))
}

// TestResumeDamaged never makes a blob of a beginning that is wrong.
func TestResumeDamaged(t *testing.T) {
	b, d := largeBlob(t)
	s := openTest(t, t.TempDir())
	w := resume(t, s, d, nil)
	bad := bytes.Clone(b[:minPartial])
	bad[7] ^= 1
	write(t, w, bad)
	w.Suspend()
	w = resume(t, s, d, bad)
	write(t, w, b)
	if err := w.Commit(t.Context(), d, int64(len(b))); !errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
	if _, err := s.OpenBlob(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("there is a blob: %v", err)
	}
	resume(t, s, d, nil).Abort()
}

// TestResumeUnread wants what was kept read: it would not be hashed otherwise.
func TestResumeUnread(t *testing.T) {
	b, d := largeBlob(t)
	s := openTest(t, t.TempDir())
	w := resume(t, s, d, nil)
	write(t, w, b[:minPartial])
	w.Suspend()
	w, err := s.ResumeBlob(d)
	must(t, err)
	if _, err := w.Write(b); !errors.Is(err, errUnread) {
		t.Errorf("write: %v", err)
	}
	if err := w.Commit(t.Context(), d, -1); !errors.Is(err, errUnread) {
		t.Errorf("commit: %v", err)
	}
	if len(s.partials(time.Now())) > 0 {
		t.Error("it is kept")
	}
}

// TestNotKept: what is small, given up or failed is not kept, nor anything in a
// store without locks.
func TestNotKept(t *testing.T) {
	b, d := largeBlob(t)
	s := openTest(t, t.TempDir())
	w := resume(t, s, d, nil)
	write(t, w, b[:minPartial-1])
	w.Suspend()
	w = resume(t, s, d, nil)
	write(t, w, b)
	w.Abort()
	resume(t, s, d, nil).Abort()

	lockless := quickDisk()
	lockless.flock = func(*os.File, int) error { return errors.Join(ErrNoLocks, unix.ENOLCK) }
	s = openDisk(t, t.TempDir(), lockless)
	w = resume(t, s, d, nil)
	write(t, w, b)
	w.Suspend()
	resume(t, s, d, nil).Abort()
	if _, err := s.ResumeBlob("sha256:short"); err == nil {
		t.Error("a digest that is none is taken")
	}
}

// TestPartialBounds lets go of what is too old, and of the oldest of what is too
// much; what is being fetched stays. gc counts all of it.
func TestPartialBounds(t *testing.T) {
	b, d := largeBlob(t)
	s := openTest(t, t.TempDir())
	keep := func(name string, age time.Duration) string {
		t.Helper()
		hex := digest.FromString(name).Encoded()
		path := s.path(partialDir, hex)
		must(t, os.MkdirAll(s.path(partialDir), 0o700))
		must(t, os.WriteFile(path, []byte(name), 0o600))
		then := time.Now().Add(-age)
		must(t, os.Chtimes(path, then, then))
		return path
	}
	young, old := keep("young", time.Hour), keep("old", partialAge+time.Hour)
	fetched := resume(t, s, d, nil)
	write(t, fetched, b[:minPartial])
	there := func(path string) bool { _, err := os.Lstat(path); return err == nil }
	if !there(young) || there(old) {
		t.Errorf("young: %t, old: %t", there(young), there(old))
	}

	old = keep("old", partialAge+time.Hour)
	u, err := s.Usage(t.Context(), nil)
	must(t, err)
	if n := u.Kinds[KindPartial]; n.Count != 2 || n.Bytes == 0 {
		t.Errorf("usage: %+v", u.Kinds)
	}
	if res := gc(t, s, GCOptions{Grace: time.Hour}); res.Removed[KindPartial].Count != 1 || there(old) || !there(young) {
		t.Errorf("gc removed %+v", res.Removed)
	}
	if res := gc(t, s, GCOptions{All: true, DryRun: true}); res.Removed[KindPartial].Count != 1 || !there(young) {
		t.Errorf("gc would remove %+v", res.Removed)
	}
	if res := gc(t, s, GCOptions{All: true}); res.Removed[KindPartial].Count != 1 || there(young) || res.Failed > 0 {
		t.Errorf("gc of all removed %+v", res)
	}
	write(t, fetched, b[minPartial:])
	must(t, fetched.Commit(t.Context(), d, int64(len(b))))
}

// TestPartialSum lets go of the oldest of what is too much in all.
func TestPartialSum(t *testing.T) {
	s := openTest(t, t.TempDir())
	must(t, os.Mkdir(s.path(partialDir), 0o700))
	for i := range 4 {
		path := s.path(partialDir, digest.FromString(string(rune('a'+i))).Encoded())
		must(t, os.WriteFile(path, make([]byte, 1<<16), 0o600))
		then := time.Now().Add(-time.Duration(i) * time.Hour)
		must(t, os.Chtimes(path, then, then))
	}
	list := s.partials(time.Now())
	if len(list) != 4 || list[0].time.Before(list[3].time) {
		t.Fatalf("list %+v", list)
	}
	bound(list, time.Now(), 2*list[0].bytes)
	for i, p := range list {
		if p.stale != (i >= 2) {
			t.Errorf("%d: %+v", i, p)
		}
	}
}

// TestPartialsGoBeforeBuilds: what has to be fetched again anyway is given up
// for a limit of size, the oldest first, before anything that was made.
func TestPartialsGoBeforeBuilds(t *testing.T) {
	g := newGCStore(t)
	must(t, os.Mkdir(g.path(partialDir), 0o700))
	var paths []string
	for i := range 3 {
		path := g.path(partialDir, digest.FromString(string(rune('a'+i))).Encoded())
		must(t, os.WriteFile(path, make([]byte, 1<<16), 0o600))
		then := time.Now().Add(-time.Duration(i) * time.Hour)
		must(t, os.Chtimes(path, then, then))
		paths = append(paths, path)
	}
	for left := 2; left >= 0; left-- {
		limit := g.bytes(t) - 1
		res := gc(t, g.Store, GCOptions{Grace: time.Hour, MaxSize: limit})
		if res.After > limit || res.After != g.bytes(t) || res.Removed[KindPartial].Count != 1 {
			t.Errorf("%+v with a limit of %d, and there are %d bytes", res, limit, g.bytes(t))
		}
		for i, path := range paths {
			if _, err := os.Lstat(path); absent(err) != (i >= left) {
				t.Errorf("number %d of %d that should be left: %v", i, left, err)
			}
		}
		g.expectGone(t)
	}
	gc(t, g.Store, GCOptions{Grace: time.Hour, MaxSize: 1})
	g.expectGone(t, "old", "oldB", "young", "youngB")
}
