package core

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/unpack"
	"banger/sdk"
)

// layerPull makes one layer of an image present in the store.
type layerPull struct {
	e     *Engine
	src   *opened
	i     int
	layer unpack.Layer
	task  string
	whole *wholePull
}

func (e *Engine) newLayerPull(src *opened, i int, diffID digest.Digest) *layerPull {
	desc := src.Manifest().Layers[i]
	return &layerPull{
		e: e, src: src, i: i,
		layer: unpack.Layer{
			Digest:    digest.Digest(desc.Digest.String()),
			Size:      desc.Size,
			MediaType: string(desc.MediaType),
			DiffID:    diffID,
		},
		task: fmt.Sprintf("layer %d/%d %s", i+1, len(src.Manifest().Layers), short(diffID)),
	}
}

// ensure makes the layer present unpacked, and as a blob if that is asked,
// and returns the bytes that came from the source.
func (l *layerPull) ensure(ctx context.Context, blob bool) (int64, error) {
	if found, err := l.present(ctx, blob); found || err != nil {
		return 0, err
	}
	unlock, err := l.e.lock(ctx, "layer", l.layer.DiffID, l.task)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if found, err := l.present(ctx, blob); found || err != nil {
		return 0, err
	}
	defer l.e.Events.Progress(Progress{Task: l.task, Finished: true})
	if !l.hasBlob() {
		return l.fetchRight(ctx)
	}
	err = l.fromBlob(ctx)
	if !errors.Is(err, unpack.ErrDigest) {
		return 0, err
	}
	if err := l.e.Store.QuarantineBlob(l.layer.Digest, err); err != nil {
		return 0, err
	}
	return l.fetchRight(ctx)
}

// present says whether the layer is in the store, sound as far as is known,
// and its blob too if that is asked.
func (l *layerPull) present(ctx context.Context, blob bool) (bool, error) {
	if err := l.unpacked(ctx); err != nil {
		if errors.Is(err, cas.ErrNotFound) && ctx.Err() == nil {
			err = nil
		}
		return false, err
	}
	if !blob {
		return true, nil
	}
	if !l.hasBlob() {
		return false, nil
	}
	err := l.e.Store.CheckBlob(ctx, l.layer.Digest, l.e.VerifyCache)
	if errors.Is(err, cas.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// unpacked looks for the unpacked layer. With VerifyCache it is read once.
func (l *layerPull) unpacked(ctx context.Context) error {
	_, sound := l.src.sound.Load(l.layer.DiffID)
	err := l.e.soundLayer(ctx, l.layer.DiffID, l.e.VerifyCache && !sound)
	if err == nil {
		l.src.sound.Store(l.layer.DiffID, true)
	}
	return err
}

// hasBlob reports whether the store holds the compressed layer in the size
// that the manifest says.
func (l *layerPull) hasBlob() bool {
	f, err := l.e.Store.OpenBlob(l.layer.Digest)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	return err == nil && (l.layer.Size < 0 || info.Size() == l.layer.Size)
}

// fetchFrom brings the layer from r: one pass that keeps the blob and unpacks
// it.
func (l *layerPull) fetchFrom(ctx context.Context, r io.Reader, blob cas.BlobWriter) (int64, error) {
	n, err := l.unpack(ctx, r, blob, l.e.Gunzip)
	if !errors.Is(err, unpack.ErrProgram) {
		return n, err
	}
	if err := blob.Commit(ctx, l.layer.Digest, l.layer.Size); err != nil {
		return 0, fmt.Errorf("keep %s: %w", l.task, err)
	}
	return l.layer.Size, l.reopen(ctx, nil)
}

// fromBlob unpacks a blob that the store holds already.
func (l *layerPull) fromBlob(ctx context.Context) error {
	err := l.reopen(ctx, l.e.Gunzip)
	if errors.Is(err, unpack.ErrProgram) {
		err = l.reopen(ctx, nil)
	}
	return err
}

func (l *layerPull) reopen(ctx context.Context, gunzip []string) error {
	f, err := l.e.Store.OpenBlob(l.layer.Digest)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", l.task, err)
	}
	defer f.Close()
	_, err = l.unpack(ctx, f, nil, gunzip)
	return err
}

// unpack verifies and unpacks r, keeps it in blob if there is one, and
// commits both. It returns the bytes read from r.
func (l *layerPull) unpack(ctx context.Context, r io.Reader, blob cas.BlobWriter, gunzip []string) (int64, error) {
	out, err := l.e.Store.NewLayer()
	if err != nil {
		return 0, fmt.Errorf("unpack %s: %w", l.task, err)
	}
	defer out.Abort()
	dst := unpack.Dest{Pack: out.Pack(), Index: out.Index(), Gunzip: gunzip}
	if blob != nil {
		dst.Blob = blob
	}
	l.whole.add(0)
	before := int64(0)
	progress := func(done int64) {
		l.whole.add(done - before)
		before = done
		l.e.Events.Progress(Progress{Task: l.task, Done: done, Total: max(l.layer.Size, 0), Unit: "bytes"})
	}
	res, err := unpack.Unpack(ctx, r, l.layer, dst, l.e.Limits, progress)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", l.src.Name(), cas.Classify(err))
	}
	if blob != nil {
		if err := blob.Commit(ctx, l.layer.Digest, res.Size); err != nil {
			return 0, fmt.Errorf("keep %s: %w", l.task, err)
		}
	}
	if err := out.Commit(ctx, l.layer.DiffID); err != nil {
		return 0, fmt.Errorf("keep %s: %w", l.task, err)
	}
	return res.Size, nil
}

// lock takes the lock of a thing that must be made only once, and says so
// when another process has it.
func (e *Engine) lock(ctx context.Context, kind string, d digest.Digest, what string) (func(), error) {
	unlock, err := e.Store.Lock(ctx, kind, d, func() {
		holder := "another process"
		if h, known := e.Store.Holder(kind, d); known {
			holder = h.String()
		}
		e.Events.Log(sdk.LogInfo, fmt.Sprintf("waiting for %s, which makes %s", holder, what))
	})
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", what, err)
	}
	return unlock, nil
}

// short returns the first 12 hex digits of d, for people.
func short(d digest.Digest) string {
	return d.Encoded()[:min(12, len(d.Encoded()))]
}
