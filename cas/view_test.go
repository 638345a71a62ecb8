package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// TestView reads all there is and changes nothing, not even a time.
func TestView(t *testing.T) {
	dir := t.TempDir()
	fillStore(t, dir)
	key, preimage, err := ActionKey("q")
	must(t, err)
	path := filepath.Join(dir, kindAction.dir(), key.Encoded())
	long := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, long, long))

	s, err := View(t.Context(), dir)
	must(t, err)
	check := unchanged(t, s)
	a, err := s.Action(key)
	must(t, err)
	_, err = s.Artifact(a.Artifact)
	must(t, err)
	if err := s.PutAction(t.Context(), Action{Key: key, Preimage: preimage}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("PutAction: %v", err)
	}
	if _, _, err := s.TempDir("x"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("TempDir: %v", err)
	}
	must(t, s.Close())
	check()
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("the action's last use changed: %v, %v", info.ModTime(), err)
	}
}

// TestViewNothing finds an empty store where there is none, and makes none.
func TestViewNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := View(t.Context(), dir)
	must(t, err)
	if _, err := s.Layer(digest.FromString("x")); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	must(t, s.Close())
	if _, err := os.Stat(filepath.Dir(dir)); !absent(err) {
		t.Errorf("something was made: %v", err)
	}
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "thesis"), nil, 0o600))
	if _, err := View(t.Context(), dir); !errors.Is(err, ErrVersion) {
		t.Errorf("someone's directory: %v", err)
	}
}
