package cas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
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
	// Untouched says that nobody has written to the files since they were
	// committed or the caller last marked them; see [Store.MarkLayer].
	Untouched bool

	state string // of the files when they were found
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
	if err := s.use(Object{KindLayer, diffID}); err != nil {
		return Layer{}, fmt.Errorf("find layer: %w", err)
	}
	l, err := layerAt(dir)
	if err != nil {
		return Layer{}, fmt.Errorf("find layer: %w", s.readError(kindLayer, diffID, err))
	}
	l.DiffID = diffID
	l.Untouched, l.state = marked(kindLayer, diffID, dir), state(kindLayer, dir)
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
	if absent(err) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%w: %s", errBadContent, err.Error())
	}
	return err
}

// layerWriter is the LayerWriter of a Store.
type layerWriter struct {
	s           *Store
	dir         string
	index, pack growing
	ended       bool
}

// NewLayer implements [Layers].
func (s *Store) NewLayer() (LayerWriter, error) {
	w := &layerWriter{s: s, index: growing{disk: &s.disk}, pack: growing{disk: &s.disk}}
	if err := w.begin(); err != nil {
		w.Abort()
		return nil, fmt.Errorf("begin layer: %w", Classify(err))
	}
	return w, nil
}

func (w *layerWriter) begin() (err error) {
	if w.dir, err = w.s.tempName("layer"); err != nil {
		return err
	}
	d := &w.s.disk
	if err := d.mkdir(w.dir, 0o777); err != nil {
		return err
	}
	if w.index.f, err = d.create(filepath.Join(w.dir, indexName)); err != nil {
		return err
	}
	w.pack.f, err = d.create(filepath.Join(w.dir, packName))
	return err
}

func (w *layerWriter) Index() io.Writer { return &w.index }

func (w *layerWriter) Pack() io.Writer { return &w.pack }

func (w *layerWriter) Commit(ctx context.Context, diffID digest.Digest) error {
	defer w.Abort()
	if err := w.commit(ctx, diffID); err != nil {
		return fmt.Errorf("commit layer %.100s: %w", string(diffID), Classify(err))
	}
	return nil
}

func (w *layerWriter) commit(ctx context.Context, diffID digest.Digest) error {
	if w.ended {
		return errEnded
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var files errgroup.Group
	files.Go(func() error { return w.index.seal(w.s, readOnly) })
	files.Go(func() error { return w.pack.seal(w.s, readOnly) })
	if err := files.Wait(); err != nil {
		return err
	}
	if err := errors.Join(w.s.owner.takeDir(w.dir), w.s.disk.syncDir(w.dir)); err != nil {
		return err
	}
	return w.s.publish(ctx, kindLayer, diffID, w.dir, func(path string) error {
		_, err := layerAt(path)
		return err
	})
}

func (w *layerWriter) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	for _, f := range []*os.File{w.index.f, w.pack.f} {
		if f != nil {
			_ = f.Close()
		}
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}
