package host

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestSweepSockets leaves what living processes have, what may be theirs in a
// moment, and what is not banger's.
func TestSweepSockets(t *testing.T) {
	base := t.TempDir()
	dir := func(name string, age time.Duration) string {
		t.Helper()
		path := filepath.Join(base, name)
		then := time.Now().Add(-age)
		if err := os.MkdirAll(filepath.Join(path, "plugin-dir1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const old = 2 * socketGrace
	dir(socketPrefix+"dead", old)
	dir(socketPrefix+"young", 0)
	dir("other", old)
	living := lockDir(dir(socketPrefix+"living", old))
	if living == nil {
		t.Fatal("no lock")
	}
	if err := os.Symlink("other", filepath.Join(base, socketPrefix+"link")); err != nil {
		t.Fatal(err)
	}
	sweepSockets(base)
	want := []string{socketPrefix + "link", socketPrefix + "living", socketPrefix + "young", "other"}
	slices.Sort(want)
	if got := names(t, base); !slices.Equal(got, want) {
		t.Errorf("there is %q, want %q", got, want)
	}
	if err := living.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSocketsRemoved holds the directory's own lock against a sweep, and gives
// it back.
func TestSocketsRemoved(t *testing.T) {
	base, err := os.MkdirTemp("/tmp", "") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	s, err := newSockets(base)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(s.dir) != base || lockDir(s.dir) != nil {
		t.Errorf("%s is not locked in %s", s.dir, base)
	}
	for range 2 {
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, base); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
