package cas

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// The files of an unpacked layer.
const (
	indexName = "index"
	packName  = "pack"
)

// Layer is an unpacked layer in the store.
type Layer struct {
	DiffID   digest.Digest
	Index    string // path of the index
	Pack     string // path of the pack
	PackSize int64
}

// Layer finds an unpacked layer by its diffID. The store knows nothing of the
// index's content: the caller checks it, and PackSize against it, and hands a
// layer that is wrong to [Store.QuarantineLayer]. A layer that is not there
// is an [ErrNotFound]; one without its files is an [ErrCorrupt].
func (s *Store) Layer(diffID digest.Digest) (Layer, error) {
	dir, err := s.object(kindLayer, diffID)
	if err != nil {
		return Layer{}, fmt.Errorf("find layer: %w", err)
	}
	l, err := layerAt(dir)
	if err != nil {
		return Layer{}, fmt.Errorf("find layer: %w", s.readError(kindLayer, diffID, err))
	}
	l.DiffID = diffID
	return l, nil
}

func layerAt(dir string) (Layer, error) {
	if _, err := os.Lstat(dir); err != nil {
		return Layer{}, err
	}
	l := Layer{Index: filepath.Join(dir, indexName), Pack: filepath.Join(dir, packName)}
	_, err := statRegular(l.Index)
	if err == nil {
		l.PackSize, err = statRegular(l.Pack)
	}
	return l, incomplete(err)
}

// incomplete marks that a part of an object is absent, which is another thing
// than the object's absence.
func incomplete(err error) error {
	if absent(err) {
		return fmt.Errorf("%w: %s", errBadContent, err.Error())
	}
	return err
}

// LayerWriter makes one unpacked layer. The caller writes Index and Pack in
// any way (see [Classify] for the errors), never closes them, and ends with
// Commit or Abort.
type LayerWriter struct {
	Index *os.File // open for reading and writing, empty at first
	Pack  *os.File // likewise

	s     *Store
	dir   string
	stop  func() error // ends the early writeback of Pack
	ended bool
}

// NewLayer begins an unpacked layer. Nothing is visible before Commit.
func (s *Store) NewLayer() (*LayerWriter, error) {
	w := &LayerWriter{s: s}
	if err := w.begin(); err != nil {
		w.Abort()
		return nil, fmt.Errorf("begin layer: %w", Classify(err))
	}
	return w, nil
}

func (w *LayerWriter) begin() (err error) {
	if w.dir, err = w.s.tempName("layer"); err != nil {
		return err
	}
	if err := os.Mkdir(w.dir, 0o777); err != nil {
		return err
	}
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL
	if w.Index, err = os.OpenFile(filepath.Join(w.dir, indexName), flags, 0o666); err != nil {
		return err
	}
	if w.Pack, err = os.OpenFile(filepath.Join(w.dir, packName), flags, 0o666); err != nil {
		return err
	}
	w.stop = watchWriteback(&w.s.disk, w.Pack)
	return nil
}

// Commit makes the layer durable and visible under diffID, which the caller
// has verified. A layer that the store has already is no error. The writer
// has ended, whatever Commit returns.
func (w *LayerWriter) Commit(ctx context.Context, diffID digest.Digest) error {
	defer w.Abort()
	if err := w.commit(ctx, diffID); err != nil {
		return fmt.Errorf("commit layer %.100s: %w", string(diffID), Classify(err))
	}
	return nil
}

func (w *LayerWriter) commit(ctx context.Context, diffID digest.Digest) error {
	if w.ended {
		return errEnded
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.stop(); err != nil {
		return err
	}
	var files errgroup.Group
	files.Go(func() error { return w.s.seal(w.Index, readOnly) })
	files.Go(func() error { return w.s.seal(w.Pack, readOnly) })
	if err := files.Wait(); err != nil {
		return err
	}
	if err := w.s.disk.syncDir(w.dir); err != nil {
		return err
	}
	return w.s.publish(kindLayer, diffID, w.dir, func(path string) error {
		_, err := layerAt(path)
		return err
	})
}

// Abort gives up the layer. It does nothing after Commit, so it can be
// deferred.
func (w *LayerWriter) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	if w.stop != nil {
		_ = w.stop()
	}
	for _, f := range []*os.File{w.Index, w.Pack} {
		if f != nil {
			_ = f.Close()
		}
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}
