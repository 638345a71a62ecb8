package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/internal/hint"
)

// soundArtifact finds an artifact that, as far as it is known, is sound, and
// so are the layers that have bytes of its image.
func (e *Engine) soundArtifact(ctx context.Context, d digest.Digest) (cas.Artifact, error) {
	a, err := e.Store.CheckArtifact(ctx, d, e.VerifyCache)
	if err != nil {
		return cas.Artifact{}, err
	}
	layers, err := e.Store.ArtifactLayers(d)
	if err != nil {
		return cas.Artifact{}, err
	}
	for _, l := range layers {
		if err := e.soundLayer(ctx, l, e.VerifyCache); err != nil {
			return cas.Artifact{}, fmt.Errorf("artifact %s: %w", d, err)
		}
	}
	return a, nil
}

// makeWhole has the image of an answer whole at a path of the store, and the
// answer name it from then on: who leaves an image in the store once does so
// again.
func (e *Engine) makeWhole(ctx context.Context, r *answered) error {
	if r.artifact.Path != "" {
		return nil
	}
	err := e.replaceByWhole(ctx, r)
	if errors.Is(err, cas.ErrReadOnly) {
		return hint.With(err, "have the image copied to a file, with -o FILE")
	}
	return err
}

func (e *Engine) replaceByWhole(ctx context.Context, r *answered) error {
	unlock, err := e.lock(ctx, "action", r.Action, "the same image")
	if err != nil {
		return err
	}
	defer unlock()
	a, err := e.Store.Action(r.Action) // another process may have done it
	if err != nil {
		return err
	}
	found, err := e.soundArtifact(ctx, a.Artifact)
	if err != nil {
		return err
	}
	defer e.task("store")()
	whole, err := e.Store.Whole(ctx, found)
	if err != nil {
		return err
	}
	if whole.Digest != a.Artifact {
		a.Artifact = whole.Digest
		if err := e.Store.PutAction(ctx, a); err != nil {
			return fmt.Errorf("keep answer: %w", err)
		}
	}
	r.artifact, r.Artifact, r.Path = whole, whole.Digest, whole.Path
	return nil
}
