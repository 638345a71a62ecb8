package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/internal/sparse"
	"banger/sdk"
)

// maxTries bounds how often a command makes again what the store has lost
// meanwhile. Each try but the first needs another loss.
const maxTries = 5

// again calls do until it succeeds or fails for another reason than that the
// store has lost, or never had whole, what do needs.
func (e *Engine) again(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == maxTries || !lost(err) || ctx.Err() != nil || e.Store.Writable() != nil {
			return err
		}
		e.Events.Log(sdk.LogWarn, err.Error()+": making it again")
	}
}

// lost says whether err means that the store does not hold what it did.
func lost(err error) bool {
	return errors.Is(err, cas.ErrNotFound) || errors.Is(err, sparse.ErrContent)
}

// setAside looks, after an error that may come from the contents that a
// builder or a tar was fed with, for the layers of t whose packs do not hold
// what their indexes say and puts them into quarantine: who asks again gets
// them unpacked again. It returns err, which wraps cas.ErrNotFound if that was
// so.
func (e *Engine) setAside(ctx context.Context, t *flattened, err error) error {
	if ctx.Err() != nil || !errors.Is(err, sparse.ErrContent) && !errors.Is(err, host.ErrBuilder) {
		return err
	}
	bad := e.Store.CheckBlob(ctx, t.digest, true)
	for _, l := range t.Layers {
		bad = errors.Join(bad, e.soundLayer(ctx, digest.Digest(l), true))
	}
	if bad == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, bad)
}

// quarantine takes a layer out of use.
func (e *Engine) quarantine(d digest.Digest, why error) error {
	if err := e.Store.QuarantineLayer(d, why); err != nil {
		return fmt.Errorf("quarantine layer %s: %w", d, err)
	}
	return nil
}
