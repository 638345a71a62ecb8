package core

import (
	"context"
	"errors"
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
	t, _, err := e.pullTree(ctx, src, im)
	if err != nil {
		return err
	}
	packs, err := newPacks(e.Store, t.Tree)
	if err != nil {
		return err
	}
	defer packs.Close()
	if err := treetar.Write(ctx, w, t.Tree, packs); err != nil {
		damaged, asideErr := e.setAside(ctx, t.Tree, err)
		err = fmt.Errorf("export %s: %w", src.Name(), errors.Join(err, asideErr))
		if damaged {
			err = hint.With(err, "what was written is not whole; run it again: the damaged layers were set aside")
		}
		return err
	}
	return nil
}
