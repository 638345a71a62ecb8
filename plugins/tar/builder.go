// Package tar is the builder of flattened tars: what banger export writes, as
// an artifact that is built once and kept. It needs no tools and loses nothing.
// Equal trees give equal bytes.
package tar

import (
	"context"
	"errors"
	"fmt"
	"os"

	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/treetar"
)

// Revision goes up when equal input gives other bytes.
const Revision = 1

// MediaType of what it writes. The format is that of package treetar.
const MediaType = "application/x-tar"

type builder struct{}

// New returns the builder.
func New() sdk.Builder { return builder{} }

// Describe implements sdk.Builder.
func (builder) Describe(context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name: "tar", Version: fmt.Sprintf("revision %d", Revision), Revision: Revision,
		MediaType: MediaType, Input: sdk.InputTree, Deterministic: true,
	}, nil
}

// Build implements sdk.Builder.
func (builder) Build(ctx context.Context, req *sdk.Request) error {
	imagebuild.IgnoreSize(req, "a tar")
	t, err := req.Tree()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(req.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(treetar.Write(ctx, f, t, req.Packs()), f.Close())
}
