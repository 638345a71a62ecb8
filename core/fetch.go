package core

import (
	"context"
	"errors"
	"fmt"
	"io"

	"banger/core/source"
	"banger/core/unpack"
	"banger/sdk"
)

// fetchRight is fetch, once more from the beginning where what an earlier
// process had kept may be wrong, and once more where a mirror may have given
// wrong bytes.
func (l *layerPull) fetchRight(ctx context.Context) (int64, error) {
	n, kept, err := l.fetch(ctx)
	if err != nil && kept > 0 && !passes(ctx, err) {
		l.e.Events.Log(sdk.LogWarn, fmt.Sprintf("%s, of which %d bytes had been kept: fetching it anew", err, kept))
		n, _, err = l.fetch(ctx)
	}
	if errors.Is(err, unpack.ErrDigest) && l.src.WithoutMirrors() {
		l.e.Events.Log(sdk.LogWarn, err.Error()+": asking the registry itself")
		n, _, err = l.fetch(ctx)
	}
	return n, err
}

// passes reports whether a fetch failed for a reason that says nothing of the
// bytes that came.
func passes(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, source.ErrNetwork) || errors.Is(err, source.ErrAuth) || errors.Is(err, source.ErrNotFound)
}

// fetch brings the layer from the image's source, and returns how many bytes
// came from there and how many were kept from before. From a registry it goes
// on where an earlier process was cut off, and leaves what it has to the next
// when it is cut off itself.
func (l *layerPull) fetch(ctx context.Context) (n, kept int64, err error) {
	if !l.src.inRegistry {
		n, err = l.fetchWhole(ctx)
		return n, 0, err
	}
	blob, err := l.e.Store.ResumeBlob(l.layer.Digest)
	if err != nil {
		return 0, 0, fmt.Errorf("fetch %s: %w", l.task, err)
	}
	defer blob.Abort()
	kept = blob.KeptSize()
	if kept > l.layer.Size {
		return 0, kept, fmt.Errorf("%w: it is longer than %d bytes", unpack.ErrDigest, l.layer.Size)
	}
	r, err := l.src.OpenLayerFrom(ctx, l.i, kept)
	if err == nil {
		defer r.Close()
		n, err = l.fetchFrom(ctx, io.MultiReader(blob.Kept(), r), blob)
	}
	if err != nil && passes(ctx, err) {
		blob.Suspend()
	}
	return max(0, n-kept), kept, err
}

func (l *layerPull) fetchWhole(ctx context.Context) (int64, error) {
	r, err := l.src.OpenLayer(ctx, l.i)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	blob, err := l.e.Store.NewBlob()
	if err != nil {
		return 0, fmt.Errorf("fetch %s: %w", l.task, err)
	}
	defer blob.Abort()
	return l.fetchFrom(ctx, r, blob)
}
