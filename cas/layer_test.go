package cas

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
)

func putLayer(t testing.TB, s *Store, diffID digest.Digest, index, pack string) error {
	t.Helper()
	w, err := s.NewLayer()
	must(t, err)
	defer w.Abort()
	_, err = io.WriteString(w.Index(), index)
	must(t, err)
	_, err = io.WriteString(w.Pack(), pack)
	must(t, err)
	return w.Commit(t.Context(), diffID)
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

func TestPackIsWrittenBackEarly(t *testing.T) {
	var started []extent
	dying := errors.New("disk is dying")
	d := realDisk()
	d.writeback = func(_ *os.File, off, n int64) error {
		started = append(started, extent{off, off + n})
		return dying
	}
	s := openDisk(t, t.TempDir(), d)
	w, err := s.NewLayer()
	must(t, err)
	defer w.Abort()
	if _, err := w.Pack().Write(make([]byte, 2*writebackStep)); !errors.Is(err, dying) {
		t.Errorf("written: %v", err)
	}
	if want := []extent{{0, 2 * writebackStep}}; !slices.Equal(started, want) {
		t.Errorf("writeback of %v, want %v", started, want)
	}
	if err := w.Commit(t.Context(), digest.FromString("x")); !errors.Is(err, dying) {
		t.Errorf("committed after a failed writeback: %v", err)
	}
}
