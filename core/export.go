package core

import (
	"context"
	"fmt"
	"io"

	"banger/internal/hint"
	"banger/sdk/treetar"
)

// Export pulls an image and writes its flattened tar to w. Equal trees give
// equal bytes.
func (e *Engine) Export(ctx context.Context, im Image, w io.Writer) error {
	src, err := e.open(ctx, im)
	if err != nil {
		return err
	}
	defer src.close()
	t, packs, err := e.openTree(ctx, src, im)
	if err != nil {
		return err
	}
	defer packs.Close()
	if err := treetar.Write(ctx, w, t.Tree, packs); err != nil {
		err = fmt.Errorf("export %s: %w", src.Name(), e.setAside(ctx, t, err))
		if lost(err) {
			err = hint.With(err, "what was written is not whole; run it again: the damaged layers were set aside")
		}
		return err
	}
	return nil
}

// openTree pulls and flattens an image and opens its contents.
func (e *Engine) openTree(ctx context.Context, src *opened, im Image) (t *flattened, packs *storePacks, err error) {
	err = e.again(ctx, func() error {
		t, err = e.pullTree(ctx, src, im)
		if err == nil {
			packs, err = newPacks(e.Store, t.Tree)
		}
		return err
	})
	return t, packs, err
}
