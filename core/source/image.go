package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// layers is where the layers of one image lie.
type layers interface {
	openLayer(ctx context.Context, i int) (io.ReadCloser, error)
	io.Closer
}

// image is the Image of every source.
type image struct {
	name string
	resolved
	layers
}

func (im *image) Name() string { return im.name }

func (im *image) Manifest() Manifest { return im.manifest }

func (im *image) Config(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read config of %s: %w", im.name, err)
	}
	return slices.Clone(im.config), nil
}

func (im *image) OpenLayer(ctx context.Context, i int) (io.ReadCloser, error) {
	return im.OpenLayerFrom(ctx, i, 0)
}

func (im *image) OpenLayerFrom(ctx context.Context, i int, from int64) (io.ReadCloser, error) {
	if i < 0 || i >= len(im.manifest.Layers) {
		return nil, fmt.Errorf("open layer %d of %s: %w: there are %d", i, im.name, ErrNotFound, len(im.manifest.Layers))
	}
	r, err := im.openLayerFrom(ctx, i, from)
	if err != nil {
		return nil, fmt.Errorf("open layer %d of %s (%s): %w", i+1, im.name, im.manifest.Layers[i].Digest, err)
	}
	return r, nil
}

func (im *image) openLayerFrom(ctx context.Context, i int, from int64) (io.ReadCloser, error) {
	if reg, ok := im.layers.(*registry); ok {
		return reg.openBlob(ctx, reg.layers[i], from)
	}
	r, err := im.openLayer(ctx, i)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, from); err != nil {
		return nil, errors.Join(fmt.Errorf("skip %d bytes: %w", from, err), r.Close())
	}
	return r, nil
}

func (im *image) WithoutMirrors() bool {
	reg, ok := im.layers.(*registry)
	return ok && reg.withoutMirrors()
}

// readAll reads r whole, if it is not longer than limit.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, invalid("more than %d bytes", limit)
	}
	return b, nil
}

// ctxReader fails reads once its context has ended. It is for local files,
// whose reads do not block for long.
type ctxReader struct {
	ctx context.Context
	io.Reader
}

func (r ctxReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}
