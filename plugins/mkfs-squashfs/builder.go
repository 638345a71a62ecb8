// Package mkfssquashfs is the builder of squashfs images: tar2sqfs of
// squashfs-tools-ng, fed with the flattened tar. Nothing is staged, so the
// image is the same whoever makes it, owners and devices included. Equal trees
// give equal bytes from one version of tar2sqfs, however many processors there
// are.
package mkfssquashfs

import (
	"context"
	"fmt"

	"banger/plugins/internal/imagebuild"
	"banger/sdk"
)

// Revision goes up when equal input gives other bytes.
const Revision = 2

// MediaType of a squashfs image.
const MediaType = "application/vnd.banger.image.squashfs"

type builder struct{}

// New returns the builder.
func New() sdk.Builder { return builder{} }

// Describe implements sdk.Builder.
func (builder) Describe(ctx context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name: "squashfs", Version: fmt.Sprintf("revision %d", Revision), Revision: Revision,
		MediaType: MediaType, Input: sdk.InputTree, Deterministic: true,
		Options: []sdk.Option{
			{Name: "compression", Type: sdk.OptionString, Default: "zstd", Choices: []string{"gzip", "lz4", "xz", "zstd"}, Doc: "how data and metadata are compressed"},
			{Name: "block-size", Type: sdk.OptionSize, Default: "128K", Choices: []string{"4K", "8K", "16K", "32K", "64K", "128K", "256K", "512K", "1M"}, Doc: "how much is compressed at once"},
		},
		CannotKeep: []string{
			"fractions of seconds of mtimes, and mtimes before 1970 and after 2106",
			"xattrs other than user.*, trusted.* and security.*: POSIX ACLs",
		},
		Tools: []sdk.Tool{describeTool(ctx)},
	}, nil
}

// Build implements sdk.Builder.
func (builder) Build(ctx context.Context, req *sdk.Request) error {
	imagebuild.IgnoreSize(req, "a squashfs image")
	t, err := req.Tree()
	if err != nil {
		return err
	}
	if err := pack(ctx, req, keepable(t)); err != nil {
		return err
	}
	req.Lose(losses(t)...)
	return nil
}
