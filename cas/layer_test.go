package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
)

func putLayer(t testing.TB, s *Store, diffID digest.Digest, index, pack string) error {
	t.Helper()
	w, err := s.NewLayer()
	must(t, err)
	defer w.Abort()
	_, err = w.Index.WriteString(index)
	must(t, err)
	_, err = w.Pack.WriteString(pack)
	must(t, err)
	return w.Commit(t.Context(), diffID)
}

func TestLayerRoundTrip(t *testing.T) {
	s := openTest(t, t.TempDir())
	id := digest.FromString("tar")
	if _, err := s.Layer(id); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
		t.Errorf("before: %v", err)
	}
	must(t, putLayer(t, s, id, "the index", "the pack"))
	must(t, putLayer(t, s, id, "another", "too late"))
	l, err := s.Layer(id)
	must(t, err)
	if l.DiffID != id || l.PackSize != int64(len("the pack")) {
		t.Errorf("%+v", l)
	}
	for path, want := range map[string]string{l.Index: "the index", l.Pack: "the pack"} {
		b, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(b) != want || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s: %q, %v, %v", path, b, err, statErr)
		}
	}
	must(t, s.QuarantineLayer(id, errors.New("index does not fit")))
	if _, err := s.Layer(id); !errors.Is(err, ErrNotFound) {
		t.Errorf("after quarantine: %v", err)
	}
	if q := quarantined(t, s); len(q) != 2 {
		t.Errorf("quarantine holds %q", q)
	}
}

func TestIncompleteLayerIsAbsentAndReplaced(t *testing.T) {
	for _, name := range []string{indexName, packName} {
		for _, find := range []bool{false, true} {
			s := openTest(t, t.TempDir())
			id := digest.FromString("tar")
			must(t, putLayer(t, s, id, "i", "p"))
			l, err := s.Layer(id)
			must(t, err)
			must(t, os.Remove(filepath.Join(filepath.Dir(l.Index), name)))
			if find {
				if _, err := s.Layer(id); !errors.Is(err, ErrCorrupt) || !errors.Is(err, ErrNotFound) {
					t.Errorf("without %s: %v", name, err)
				}
			}
			must(t, putLayer(t, s, id, "i", "p"))
			if _, err := s.Layer(id); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestLayerAbortLeavesNothing(t *testing.T) {
	s := openTest(t, t.TempDir())
	check := unchanged(t, s)
	w, err := s.NewLayer()
	must(t, err)
	_, err = w.Pack.WriteString("x")
	must(t, err)
	w.Abort()
	w.Abort()
	if err := w.Commit(t.Context(), digest.FromString("x")); err == nil {
		t.Error("committed after abort")
	}
	if err := putLayer(t, s, "sha256:..", "i", "p"); err == nil {
		t.Error("committed under a bad digest")
	}
	check()
}

func TestPackIsWrittenBackEarly(t *testing.T) {
	started := make(chan extent)
	d := realDisk()
	d.writeback = func(_ *os.File, off, n int64) error {
		started <- extent{off, off + n}
		return errors.New("disk is dying")
	}
	s := openDisk(t, t.TempDir(), d)
	w, err := s.NewLayer()
	must(t, err)
	defer w.Abort()
	must(t, w.Pack.Truncate(2*writebackStep))
	if got := <-started; got != (extent{0, 2 * writebackStep}) {
		t.Errorf("writeback of %v", got)
	}
	if err := w.Commit(t.Context(), digest.FromString("x")); err == nil {
		t.Error("committed after a failed writeback")
	}
}
