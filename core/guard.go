package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/core/host"
)

var errMeddled = errors.New("it changed its input")

// unmeddled returns an error if the builder has written to the tree or the
// packs that it was to read. It has its user's rights, so nothing keeps it
// from that. Its image is not kept then, and what it wrote to counts as absent
// from then on.
func (e *Engine) unmeddled(ctx context.Context, b *host.Builder, t *flattened) error {
	bad := e.Store.CheckBlob(ctx, t.digest, false)
	for _, l := range t.Layers {
		bad = errors.Join(bad, e.soundLayer(ctx, digest.Digest(l), false))
	}
	if bad == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return &host.Error{Builder: b.Name, Op: "build", Err: fmt.Errorf("%w: %w", errMeddled, bad)}
}
