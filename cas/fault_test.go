package cas

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/need"
)

// failingCall is a disk on which one call, counted from 1, fails, and all
// others work.
type failingCall struct {
	number int
	err    error

	mu     sync.Mutex
	n      int
	failed string // the call that did
}

func (f *failingCall) disk() disk {
	return hookedDisk(quickDisk(), func(c diskCall, do func() error) error {
		f.mu.Lock()
		f.n++
		fails := f.n == f.number
		if fails {
			f.failed = c.name
		}
		f.mu.Unlock()
		if fails {
			return &os.PathError{Op: c.name, Path: c.path, Err: f.err}
		}
		return do()
	})
}

// operations are all that changes a store or makes a user's file of it.
var operations = slices.Concat(steps[:len(steps)-1], []step{
	{"quarantine", func(_ context.Context, s *Store) error {
		return s.QuarantineBlob(stepAction("").Blobs[0], errors.New("why"))
	}, func(*Store) error { return nil }},
	{"temporary directory", func(_ context.Context, s *Store) error {
		_, remove, err := s.TempDir("x")
		if err == nil {
			remove()
		}
		return err
	}, func(*Store) error { return nil }},
	{"copy out", copyOutStep, wasCopiedOut},
	{"copy out over a file", func(ctx context.Context, s *Store) error {
		if err := os.WriteFile(s.dir+".copy", []byte("older"), 0o600); err != nil {
			return err
		}
		return copyOutStep(ctx, s)
	}, wasCopiedOut},
	{"copy out what is whole", func(ctx context.Context, s *Store) error {
		return s.CopyOut(ctx, stepArtifact(), s.dir+".copy", CopyOptions{Fsync: true})
	}, func(s *Store) error { return copyHolds(s, stepImage) }},
	{"give out meanwhile", giveOutStep, wasCopiedOut},
	{"make whole", func(ctx context.Context, s *Store) error {
		_, err := s.Whole(ctx, stepSkeleton())
		return err
	}, func(s *Store) error { return wholeArtifact(s, stepArtifactOf(stepWhole, nil).Digest) }},
})

func copyOutStep(ctx context.Context, s *Store) error {
	return s.CopyOut(ctx, stepSkeleton(), s.dir+".copy", CopyOptions{Fsync: true})
}

// giveOutStep is putStepSkeleton with a file that is begun before there is an
// image.
func giveOutStep(ctx context.Context, s *Store) error {
	out := s.NewOutput(s.dir+".copy", CopyOptions{Fsync: true})
	defer out.Abort()
	out.Begin(ctx, int64(len(stepLean)), stepBodies)
	if err := commitStep(ctx, s, stepLean, stepBodies, out); err != nil {
		return err
	}
	return out.Commit(ctx)
}

func wasCopiedOut(s *Store) error { return copyHolds(s, stepWhole) }

func copyHolds(s *Store, want string) error {
	b, err := os.ReadFile(s.dir + ".copy")
	if err == nil && string(b) != want {
		err = fmt.Errorf("the copy holds %q", b)
	}
	return err
}

// forgiven are the calls that have another way when they fail.
var forgiven = []string{"tmpfile", "exchange"}

// TestFailingDisk has each call of each operation fail once, with each errno:
// the error is told and has its kind, the store is as it was, nothing is left
// in tmp, and on a disk that works the same operation succeeds.
func TestFailingDisk(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EIO} {
		for i, op := range operations {
			for number := 1; ; number++ {
				fail := &failingCall{number: number, err: errno}
				t.Run(fmt.Sprintf("%s/%s/%d", op.name, unix.ErrnoName(errno), number), func(t *testing.T) { checkFailure(t, i, fail) })
				if fail.failed == "" {
					break // it has fewer calls
				}
			}
		}
	}
}

func checkFailure(t *testing.T, i int, fail *failingCall) {
	dir := filepath.Join(need.MemoryDir(t), "store")
	healthy := openTest(t, dir)
	for _, before := range operations[:min(i, len(steps)-1)] {
		must(t, before.do(t.Context(), healthy))
	}
	// Open makes calls too, which TestOpenOnFailingDisk has fail.
	s := openTest(t, dir)
	s.disk = fail.disk()
	op := operations[i]
	before := contents(t, dir)
	err := op.do(t.Context(), s)
	switch {
	case fail.failed == "":
		must(t, err)
	case err == nil:
		if !slices.Contains(forgiven, fail.failed) {
			t.Errorf("no word of the failed %s", fail.failed)
		}
	case !errors.Is(err, fail.err) || errors.Is(err, ErrNoSpace) != noSpace(fail.err):
		t.Errorf("%s failed: %v", fail.failed, err)
	case !maps.Equal(before, contents(t, dir)):
		t.Errorf("%s failed, and changed the store:\nbefore %q\nafter  %q", fail.failed, before, contents(t, dir))
	}
	if err := errors.Join(op.do(t.Context(), healthy), op.there(healthy)); err != nil {
		t.Errorf("on a healthy disk: %v", err)
	}
}

// contents returns the files of a store, lock files aside, with their content.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range tree(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		all[name] = string(b)
	}
	return all
}

// TestOpenOnFailingDisk has each call fail that makes a new store.
func TestOpenOnFailingDisk(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EIO} {
		for number := 1; ; number++ {
			fail := &failingCall{number: number, err: errno}
			dir := filepath.Join(need.MemoryDir(t), "new", "store")
			s, err := open(t.Context(), dir, fail.disk())
			if fail.failed == "" {
				must(t, errors.Join(err, s.Close()))
				break
			}
			if err == nil { // what is in a store on a full disk can be read
				err = s.Writable()
				must(t, s.Close())
			}
			if !errors.Is(err, errno) || errors.Is(err, ErrNoSpace) != noSpace(errno) {
				t.Errorf("%s %d: %v", fail.failed, number, err)
			}
			healthy := openTest(t, dir)
			doSteps(t, healthy)
			must(t, healthy.Close())
			for _, name := range tree(t, dir) {
				if strings.HasPrefix(name, versionTemp) || strings.HasPrefix(name, "tmp/") {
					t.Errorf("%s %d leaves %s", fail.failed, number, name)
				}
			}
		}
	}
}
