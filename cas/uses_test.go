package cas

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"banger/internal/hint"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// recorded returns the uses in a session's lock file.
func recorded(t testing.TB, s *Store) []Object {
	t.Helper()
	b, err := os.ReadFile(s.session + leaseSuffix)
	must(t, err)
	var all []Object
	parseUses(b, func(o Object) { all = append(all, o) })
	return all
}

// TestUsesAreRecorded looks up and makes an object of each kind, twice.
func TestUsesAreRecorded(t *testing.T) {
	dir := t.TempDir()
	fillStore(t, dir)
	key, _, err := ActionKey("q")
	must(t, err)
	action, err := openTest(t, dir).Action(key)
	must(t, err)
	blob, artifact, layer := action.Blobs[0], action.Artifact, digest.FromString("tar")
	for what, c := range map[string]struct {
		do   func(s *Store) error
		want []Object
	}{
		"OpenBlob": {func(s *Store) error { f, err := s.OpenBlob(blob); _ = f.Close(); return err }, []Object{{KindBlob, blob}}},
		"ReadBlob": {func(s *Store) error { _, err := s.ReadBlob(blob, 10); return err }, []Object{{KindBlob, blob}}},
		"PutBlob":  {func(s *Store) error { _, err := s.PutBlob(t.Context(), []byte("blob")); return err }, []Object{{KindBlob, blob}}},
		"Layer":    {func(s *Store) error { _, err := s.Layer(layer); return err }, []Object{{KindLayer, layer}}},
		"Artifact": {func(s *Store) error { _, err := s.Artifact(artifact); return err }, []Object{{KindArtifact, artifact}}},
		"Tag":      {func(s *Store) error { return s.Tag(t.Context(), descriptor("one"), "n") }, []Object{{KindBlob, descriptor("one").Digest}}},
		"Action": {
			func(s *Store) error { _, err := s.Action(key); return err },
			[]Object{{KindAction, key}, {KindArtifact, artifact}, {KindBlob, blob}},
		},
		"PutAction": {
			func(s *Store) error { return s.PutAction(t.Context(), action) },
			[]Object{{KindArtifact, artifact}, {KindBlob, blob}, {KindAction, key}},
		},
		"absent": {
			func(s *Store) error { _, err := s.ReadBlob(digest.FromString("none"), 10); return onlyNotFound(err) },
			[]Object{{KindBlob, digest.FromString("none")}},
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := openTest(t, dir)
			for range 2 {
				must(t, c.do(s))
			}
			if got := recorded(t, s); !slices.Equal(got, c.want) {
				t.Errorf("recorded %v, want %v", got, c.want)
			}
		})
	}
}

func onlyNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return fmt.Errorf("not an ErrNotFound: %w", err)
}

func TestUsesOfGoroutines(t *testing.T) {
	s := openTest(t, t.TempDir())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 20 {
				if err := s.use(Object{KindBlob, digest.FromString(fmt.Sprint(i%2, n))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := recorded(t, s); len(got) != 40 {
		t.Errorf("%d records, want 40", len(got))
	}
}

// TestUseFails: what cannot be recorded is not looked up.
func TestUseFails(t *testing.T) {
	s := openTest(t, t.TempDir())
	d := putText(t, s, "text")
	other := openTest(t, s.dir)
	must(t, other.lease.Close()) // a write to it fails
	if _, err := other.ReadBlob(d, 10); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	var err error
	other.lease, err = os.OpenFile(other.session+leaseSuffix, os.O_RDWR, 0)
	must(t, err)
	_, err = other.ReadBlob(d, 10)
	must(t, err)
	if got := recorded(t, other); len(got) != 1 {
		t.Errorf("recorded %v", got)
	}
}

// TestUsesLockUnlinked: the lock is taken on the file that is there.
func TestUsesLockUnlinked(t *testing.T) {
	s := openTest(t, t.TempDir())
	unlock, err := s.lockUses(t.Context().Done())
	must(t, err)
	got := make(chan error)
	go func() { got <- s.use(Object{KindBlob, digest.FromString("x")}) }()
	path := s.path("locks", "uses")
	for waiters(t, path) == 0 {
		time.Sleep(time.Millisecond)
	}
	must(t, os.Remove(path))
	unlock()
	must(t, <-got)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// waiters counts the processes that wait for the lock of a file.
func waiters(t *testing.T, path string) (n int) {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	b, err := os.ReadFile("/proc/locks")
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
			n++
		}
	}
	return n
}

func FuzzUses(f *testing.F) {
	good := appendUse(nil, Object{KindLayer, digest.FromString("x")})
	f.Add(good)
	f.Add(good[:20])
	f.Add(append(good[:20], good...))
	f.Add([]byte("blob sha256:../../x\n\x00\nlayer \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseUses(b, func(o Object) {
			if _, err := encoded(o.Digest); err != nil || !isKind(o.Kind) {
				t.Errorf("%q", o)
			}
			if !bytes.Contains(b, appendUse(nil, o)) {
				t.Errorf("%q is not in it", o)
			}
		})
	})
}

// TestTornUses: what follows a torn record is read.
func TestTornUses(t *testing.T) {
	a, b := Object{KindBlob, digest.FromString("a")}, Object{KindAction, digest.FromString("b")}
	text := slices.Concat(appendUse(nil, a), []byte("blob sha25\n\xff\n"), appendUse(nil, b), appendUse(nil, a)[:30])
	var got []Object
	parseUses(text, func(o Object) { got = append(got, o) })
	if !slices.Equal(got, []Object{a, b}) {
		t.Errorf("got %v", got)
	}
}

// TestSessionLockUnlinked: a living session whose lock file someone has removed
// keeps its files, and keeps gc out.
func TestSessionLockUnlinked(t *testing.T) {
	s := openTest(t, t.TempDir())
	d := putText(t, s, "text")
	scratch, _, err := s.TempDir("x")
	must(t, err)
	must(t, os.Remove(s.session+leaseSuffix))
	for range 2 {
		other := openTest(t, s.dir)
		if _, err := os.Stat(scratch); err != nil {
			t.Fatal(err)
		}
		for _, dry := range []bool{true, false} {
			if _, err := other.GC(t.Context(), GCOptions{All: true, DryRun: dry}); !errors.Is(err, ErrBusy) ||
				hint.Of(err) != "wait until it has ended, or run this as that process's user or as root" {
				t.Errorf("gc: %v, hint %q", err, hint.Of(err))
			}
		}
	}
	_, err = s.ReadBlob(d, 10)
	must(t, err)
	must(t, os.WriteFile(s.session+leaseSuffix, nil, 0o600)) // which Close removes
}

func TestJournalOfTheDead(t *testing.T) {
	s := openTest(t, t.TempDir())
	path := filepath.Join(s.dir, "locks", journalName)
	must(t, os.WriteFile(path, nil, 0o600))
	gc, err := s.disk.tryLockFile(s.path("locks", "gc"), unix.LOCK_EX)
	must(t, err)
	must(t, openTest(t, s.dir).Close())
	if _, err := os.Stat(path); err != nil {
		t.Errorf("journal of a gc at work: %v", err)
	}
	unlockFile(gc)
	must(t, openTest(t, s.dir).Close())
	if _, err := os.Stat(path); !absent(err) {
		t.Errorf("journal of a dead gc: %v", err)
	}
}

// TestUsesHeld has another process, a stopped one, hold the lock of uses.
func TestUsesHeld(t *testing.T) {
	defer func(bound time.Duration) { usesBound = bound }(usesBound)
	usesBound = time.Millisecond
	s := openTest(t, t.TempDir())
	unlock, err := openTest(t, s.dir).lockUses(nil)
	must(t, err)
	defer unlock()
	err = s.record([]byte("x"))
	if !errors.Is(err, ErrBusy) || hint.Of(err) != "look for a stopped banger process" {
		t.Errorf("got %v, hint %q", err, hint.Of(err))
	}
}

// TestLayersOfBodiesAreUsedFirst: from before an image is hashed no gc removes
// the layers that it leans on.
func TestLayersOfBodiesAreUsedFirst(t *testing.T) {
	dir := t.TempDir()
	must(t, putStepLayer(t.Context(), openTest(t, dir)))
	var used []Object
	s := openTest(t, dir)
	s.disk.sync = func(f *os.File) error {
		if filepath.Base(f.Name()) == imageName {
			used = recorded(t, s)
		}
		return nil
	}
	must(t, putStepSkeleton(t.Context(), s))
	if !slices.Contains(used, Object{KindLayer, stepDiffID}) {
		t.Errorf("while the image was synced, used: %v", used)
	}
}
