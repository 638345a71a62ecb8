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
	_, err = w.Index().WriteString(index)
	must(t, err)
	_, err = w.Pack().WriteString(pack)
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
	must(t, w.Pack().Truncate(2*writebackStep))
	if got := <-started; got != (extent{0, 2 * writebackStep}) {
		t.Errorf("writeback of %v", got)
	}
	if err := w.Commit(t.Context(), digest.FromString("x")); err == nil {
		t.Error("committed after a failed writeback")
	}
}
