package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/sdk"
)

// remember notes in the store's index.json what a tag of a registry means now,
// for the day when the registry cannot be asked. A store that cannot be
// written to goes without.
func (e *Engine) remember(ctx context.Context, src *opened) {
	if !src.inRegistry || e.Source.Offline || strings.Contains(src.Name(), "@") || e.Store.Writable() != nil {
		return
	}
	if err := e.tag(ctx, src); err != nil && ctx.Err() == nil {
		e.Events.Log(sdk.LogWarn, fmt.Sprintf("record image %s: %v", src.Name(), err))
	}
}

// maxListed bounds how much of what is missing an error lists.
const maxListed = 10

// haveLayers returns an ErrOffline with the layers that the store has in no
// form.
func (e *Engine) haveLayers(ctx context.Context, src *opened, diffIDs []digest.Digest) error {
	var lacking []string
	for i := range diffIDs {
		l := e.newLayerPull(src, i, diffIDs[i])
		found, err := l.present(ctx, false)
		if err != nil {
			return err
		}
		if !found && !l.hasBlob() {
			lacking = append(lacking, fmt.Sprintf("%s (%d bytes)", l.layer.Digest, l.layer.Size))
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	n := len(lacking)
	if n > maxListed {
		lacking = append(lacking[:maxListed], "…")
	}
	return fmt.Errorf("image %s: %w %d of its %d layers: %s", src.Name(), source.ErrOffline, n, len(diffIDs), strings.Join(lacking, ", "))
}
