package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/layer"
	"banger/internal/sparse"
	"banger/sdk/tree"
)

// setAside looks, after an error about contents, for the layers of t whose
// packs do not hold what their indexes say and puts them into quarantine: who
// asks again gets them unpacked again. It reports whether err was such an
// error.
func (e *Engine) setAside(ctx context.Context, t *tree.Tree, err error) (bool, error) {
	if !errors.Is(err, sparse.ErrContent) {
		return false, nil
	}
	for _, l := range t.Layers {
		if err := e.checkLayer(ctx, digest.Digest(l)); err != nil {
			return true, err
		}
	}
	return true, nil
}

// checkLayer reads every body of an unpacked layer and puts the layer into
// quarantine if one is not what the index says.
func (e *Engine) checkLayer(ctx context.Context, d digest.Digest) error {
	x, err := e.readIndex(d)
	switch {
	case errors.Is(err, layer.ErrCorrupt):
		return e.quarantine(d, err)
	case errors.Is(err, cas.ErrNotFound):
		return nil // someone else has set it aside
	case err != nil:
		return fmt.Errorf("check layer %s: %w", d, err)
	}
	t := &tree.Tree{Layers: []string{d.String()}, Entries: x.Entries}
	packs, err := newPacks(e.Store, t)
	if err != nil {
		return err
	}
	defer packs.Close()
	r := &sparse.Reader{Tree: t, Packs: packs, Buf: make([]byte, 256<<10)}
	for i := range t.Entries {
		if t.Entries[i].Type != tree.Regular {
			continue
		}
		if err := r.Read(ctx, &t.Entries[i], sparse.Discard{}); errors.Is(err, sparse.ErrContent) {
			return e.quarantine(d, err)
		} else if err != nil {
			return fmt.Errorf("check layer %s: %w", d, err)
		}
	}
	return nil
}

func (e *Engine) quarantine(d digest.Digest, why error) error {
	if err := e.Store.QuarantineLayer(d, why); err != nil {
		return fmt.Errorf("quarantine layer %s: %w", d, err)
	}
	return nil
}
