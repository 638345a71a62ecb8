package core

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"banger/cas"
	"banger/core/layer"
	"banger/internal/filetext"
	"banger/internal/sparse"
	"banger/sdk/tree"
)

// layerWork runs the pieces of a layer's check; [cas.Work] is one.
type layerWork interface {
	Go(piece func(buf []byte) error)
	Read(n int64)
	Wait() error
}

// pieceSize is how many bytes of bodies are checked as one piece, unless one
// body is larger.
const pieceSize = 4 << 20

// verifyLayer reads every body of an unpacked layer and what lies between
// them. The error wraps cas.ErrCorrupt where the layer is not what it should
// be.
func verifyLayer(ctx context.Context, l cas.Layer, w layerWork) error {
	var x *layer.Index
	w.Go(func([]byte) (err error) {
		x, err = readLayerIndex(l)
		return err
	})
	if err := w.Wait(); err != nil {
		return err
	}
	pack, err := os.Open(l.Pack)
	if err != nil {
		return gone(err)
	}
	defer pack.Close()
	v := &layerVerifier{ctx: ctx, tree: &tree.Tree{Layers: []string{l.DiffID.String()}, Entries: x.Entries}, pack: pack, size: x.PackSize}
	v.run(w)
	return w.Wait()
}

// layerVerifier holds the bodies of one layer against its index.
type layerVerifier struct {
	ctx  context.Context
	tree *tree.Tree
	pack *os.File
	size int64
}

// Pack implements tree.Packs.
func (v *layerVerifier) Pack(int) (*os.File, error) { return v.pack, nil }

func (v *layerVerifier) run(w layerWork) {
	entries := v.tree.Entries
	for start := 0; start < len(entries); {
		end, n := start, int64(0)
		for ; end < len(entries) && n < pieceSize; end++ {
			n += entries[end].DataSize()
		}
		piece := entries[start:end]
		w.Go(func(buf []byte) error {
			defer w.Read(n)
			return v.bodies(piece, buf)
		})
		start = end
	}
	w.Go(v.gaps)
}

func (v *layerVerifier) bodies(entries []tree.Entry, buf []byte) error {
	r := &sparse.Reader{Tree: v.tree, Packs: v, Buf: buf}
	for i := range entries {
		if entries[i].Type != tree.Regular {
			continue
		}
		if err := r.Read(v.ctx, &entries[i], sparse.Discard{}); errors.Is(err, sparse.ErrContent) {
			return fmt.Errorf("%w: %w", cas.ErrCorrupt, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// gaps wants zeros wherever the pack holds no body.
func (v *layerVerifier) gaps(buf []byte) error {
	var all []tree.Extent
	for i := range v.tree.Entries {
		all = append(all, v.tree.Entries[i].Extents...)
	}
	slices.SortFunc(all, func(a, b tree.Extent) int { return cmp.Compare(a.PackOffset, b.PackOffset) })
	var at int64
	for _, x := range append(all, tree.Extent{PackOffset: v.size}) {
		for at < x.PackOffset {
			if err := v.ctx.Err(); err != nil {
				return err
			}
			part := buf[:min(int64(len(buf)), x.PackOffset-at)]
			if _, err := v.pack.ReadAt(part, at); err != nil {
				return readErrorOf(err)
			}
			if len(bytes.TrimLeft(part, "\x00")) > 0 {
				return fmt.Errorf("%w: the pack has bytes at %d that belong to no file", cas.ErrCorrupt, at)
			}
			at += int64(len(part))
		}
		at = max(at, x.PackOffset+x.Length)
	}
	return nil
}

func readErrorOf(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the pack is too short", cas.ErrCorrupt)
	}
	return err
}

// readLayerIndex reads the index of a layer and holds it against the layer.
func readLayerIndex(l cas.Layer) (*layer.Index, error) {
	f, err := os.Open(l.Index)
	if err != nil {
		return nil, gone(err)
	}
	defer f.Close()
	file, err := filetext.Read(f)
	if errors.Is(err, filetext.ErrTooLarge) {
		return nil, damagedIndex(fmt.Errorf("%w: %w", layer.ErrCorrupt, err))
	}
	if err != nil {
		return nil, fmt.Errorf("read layer index: %w", err)
	}
	x, err := layer.Parse(file)
	if err != nil {
		return nil, damagedIndex(err)
	}
	if x.DiffID != l.DiffID.String() || x.PackSize != l.PackSize {
		return nil, damagedIndex(fmt.Errorf("%w: it speaks of layer %s with a pack of %d bytes, and the pack has %d",
			layer.ErrCorrupt, x.DiffID, x.PackSize, l.PackSize))
	}
	return x, nil
}

// damagedIndex makes damage to an index damage to the store.
func damagedIndex(err error) error {
	if errors.Is(err, layer.ErrCorrupt) {
		return fmt.Errorf("%w: %w", cas.ErrCorrupt, err)
	}
	return err
}

// gone makes the absence of a file of the store what it is in its terms.
func gone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", cas.ErrNotFound, err)
	}
	return err
}

// soundLayer returns an error unless the layer is there and, as far as it is
// known, sound. One that somebody has written to is read whole, and any if
// always is set; a bad one goes to quarantine. The error wraps
// cas.ErrNotFound if the layer has to be made.
func (e *Engine) soundLayer(ctx context.Context, d digest.Digest, always bool) error {
	l, err := e.Store.Layer(d)
	if err != nil {
		return fmt.Errorf("layer %s: %w", d, err)
	}
	if l.Untouched && !always {
		return nil
	}
	w := &groupWork{}
	w.SetLimit(runtime.GOMAXPROCS(0))
	err = verifyLayer(ctx, l, w)
	switch {
	case err == nil:
		e.Store.MarkLayer(l)
		return nil
	case errors.Is(err, cas.ErrCorrupt):
		err = errors.Join(fmt.Errorf("layer %s: %w: %w", d, cas.ErrNotFound, err), e.quarantine(d, err))
	case errors.Is(err, cas.ErrNotFound):
	default:
		err = fmt.Errorf("check layer %s: %w", d, err)
	}
	return err
}

// groupWork runs a layer's pieces on all cores.
type groupWork struct{ errgroup.Group }

// Go implements layerWork.
func (w *groupWork) Go(piece func(buf []byte) error) {
	w.Group.Go(func() error { return piece(make([]byte, 256<<10)) })
}

// Read implements layerWork.
func (*groupWork) Read(int64) {}
