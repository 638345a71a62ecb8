// Package mkfserofs is the builder of erofs images, uncompressed: it writes the
// filesystem itself, from the tree and the packs, without erofs-utils, without
// a staged directory, for any user on any system that Go runs on.
//
// The image holds everything of the tree that Linux can show, and is as large
// as that. Its inodes have all the same form, with times to the nanosecond and
// owners of 32 bits. What does not fill a block at the end of a file stands
// with its inode. Equal trees and options give equal bytes, whoever builds
// them, wherever and however often.
//
// Linux mounts the image from 5.4 on, and one with sparse files, whose holes
// take no room, from 5.15 on.
//
// What has no place is a loss: device numbers that Linux does not have; xattrs
// in namespaces that it does not show, or of more than 64 KiB, or beyond 256
// KiB for one inode; and names over 255 bytes, symlinks over 4095 bytes and
// files over 16 TiB, which are left out.
package mkfserofs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"banger/plugins/internal/bodies"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// Revision goes up when equal input gives other bytes.
const Revision = 1

// MediaType of an erofs image.
const MediaType = "application/vnd.banger.image.erofs"

const name = "erofs"

type builder struct{}

// New returns the builder.
func New() sdk.Builder { return builder{} }

// Describe implements sdk.Builder.
func (builder) Describe(context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name:      name,
		Version:   fmt.Sprintf("revision %d", Revision),
		Revision:  Revision,
		MediaType: MediaType,
		Input:     sdk.InputTree,
		Options:   []sdk.Option{imagebuild.LabelOption(), imagebuild.UUIDOption()},
		CannotKeep: []string{
			"device numbers over 4095:1048575",
			"xattrs in namespaces that Linux has not, values over 65535 bytes, and more than 256 KiB of xattrs for one inode",
			"files over 16 TiB",
		},
		Deterministic: true,
	}, nil
}

// PlanSize returns the size in bytes that the image of t will have. There is
// no other: what is asked for does not matter.
func PlanSize(t *tree.Tree, _ sdk.SizePlan) (int64, error) {
	p, err := newPlan(t)
	if err != nil {
		return 0, err
	}
	return p.size(), nil
}

// Build implements sdk.Builder.
func (builder) Build(ctx context.Context, req *sdk.Request) error {
	imagebuild.IgnoreSize(req, "an erofs image")
	t, err := req.Tree()
	if err != nil {
		return err
	}
	p, err := newPlan(t)
	if err != nil {
		return err
	}
	p.label, p.uuid = imagebuild.Label(req), imagebuild.UUID(req, imagebuild.DeriveUUID(req, name, "uuid", name))
	if err := write(ctx, req, p); err != nil {
		return err
	}
	req.Lose(p.losses()...)
	return nil
}

// write writes the image.
func write(ctx context.Context, req *sdk.Request, p *plan) error {
	f, err := os.OpenFile(req.Output, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	err = f.Truncate(p.size())
	if err == nil {
		err = bodies.Write(ctx, req, p.tree, p.bodies, f)
	}
	if err == nil {
		err = p.finish(ctx, f)
	}
	return errors.Join(err, f.Close())
}
