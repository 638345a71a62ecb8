package core

import (
	"bytes"
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/sdk"
)

// maxLossBlob bounds the list of losses of one build in bytes.
const maxLossBlob = 1 << 30

// keepLosses writes the list of losses as a blob; "" stands for none.
func (e *Engine) keepLosses(ctx context.Context, losses []sdk.Loss) (digest.Digest, error) {
	if len(losses) == 0 {
		return "", nil
	}
	var buf bytes.Buffer
	if err := sdk.WriteLosses(&buf, losses); err != nil {
		return "", fmt.Errorf("keep losses: %w", err)
	}
	d, err := e.Store.PutBlob(ctx, buf.Bytes())
	if err != nil {
		return "", fmt.Errorf("keep losses: %w", err)
	}
	return d, nil
}

// readLosses returns the losses of a kept answer.
func (e *Engine) readLosses(ans buildAnswer) ([]sdk.Loss, error) {
	if ans.LossBlob == "" {
		return nil, nil
	}
	b, err := e.Store.ReadBlob(ans.LossBlob, maxLossBlob)
	if err != nil {
		return nil, err
	}
	return sdk.ReadLosses(bytes.NewReader(b))
}
