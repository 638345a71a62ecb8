// Package mkfsext4 is the native builder: it writes an ext4 filesystem itself,
// from the tree and the packs, without e2fsprogs, without a staged directory,
// for any user on any system that Go runs on.
//
// The image holds everything of the tree that ext4 can hold. All four times of
// an inode are its mtime. Equal trees and options give equal bytes, whoever
// builds them, wherever and however often.
//
// What ext4 cannot hold is a loss: mtimes before 1901, after 2446, and those
// between 2310 and 2378, which e2fsck moves to before 1970; device numbers
// that Linux does not have; xattrs beyond 4 KiB and in namespaces that ext4 or
// Linux does not know; more than 65000 names of one inode, which become
// several; and names over 255 bytes, symlinks over 4095 bytes and files over
// 16 TiB, which are left out.
package mkfsext4

import (
	"context"
	"errors"
	"fmt"
	"os"

	"banger/internal/ext4"
	"banger/plugins/internal/bodies"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/ext4size"
	"banger/sdk"
	"banger/sdk/tree"
)

// Revision goes up when equal input gives other bytes; see plugins/internal/buildtest/testdata/golden.
const Revision = 1

const name = "ext4"

type builder struct{}

// New returns the builder.
func New() sdk.Builder { return builder{} }

// Describe implements sdk.Builder.
func (builder) Describe(context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name:      name,
		Version:   fmt.Sprintf("revision %d", Revision),
		Revision:  Revision,
		MediaType: ext4build.MediaType,
		Input:     sdk.InputTree,
		Options:   options(),
		MinBytes:  ext4size.MinBytes,
		CannotKeep: []string{
			"mtimes before 1901, after 2446, and from 2310 to 2378",
			"device numbers over 4095:1048575",
			"more than about 4 KiB of xattrs for one inode, xattrs in namespaces that ext4 has not",
			"more than 65000 names of one inode, files over 16 TiB",
		},
		Deterministic: true,
	}, nil
}

// Build implements sdk.Builder.
func (builder) Build(ctx context.Context, req *sdk.Request) error {
	o, err := parseOptions(req)
	if err != nil {
		return err
	}
	t, err := req.Tree()
	if err != nil {
		return err
	}
	plan, bytes, err := makePlan(req, t, o)
	if err != nil {
		return err
	}
	if err := write(ctx, req, t, plan, bytes); err != nil {
		return err
	}
	req.Lose(losses(t, plan)...)
	return nil
}

// makePlan plans an image and returns its length, too. A planned size that
// turns out too small is mended once.
func makePlan(req *sdk.Request, t *tree.Tree, o config) (*ext4.Plan, int64, error) {
	draft, err := ext4.NewDraft(t, o.Options)
	if err != nil {
		return nil, 0, err
	}
	var c ext4size.Content
	c.Blocks, c.Inodes = draft.Content()
	size, err := o.filesystem.Plan(c, req.Size)
	if err != nil {
		return nil, 0, err
	}
	plan, err := draft.Plan(sizeOf(size))
	if short, ok := errors.AsType[*ext4.ShortError](err); ok {
		larger := size.Larger(short.Blocks)
		if !size.Auto {
			return nil, 0, sdk.WithHint(sdk.Invalid(err), fmt.Sprintf("ask for a size of %dM and %d inodes", larger.Bytes>>20, larger.Inodes))
		}
		req.Log(sdk.LogWarn, "the planned size of %d MiB was too small (%v); planning again with %d MiB", size.Bytes>>20, err, larger.Bytes>>20)
		size = larger
		plan, err = draft.Plan(sizeOf(size))
	}
	return plan, size.Bytes, err
}

func sizeOf(p ext4size.Plan) ext4.Size {
	return ext4.Size{Blocks: p.Bytes / ext4.BlockSize, Inodes: p.Inodes, Journal: p.Journal, Reserved: p.Reserved}
}

// write writes the image.
func write(ctx context.Context, req *sdk.Request, t *tree.Tree, plan *ext4.Plan, bytes int64) error {
	f, err := os.OpenFile(req.Output, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	err = f.Truncate(bytes)
	if err == nil {
		err = bodies.Write(ctx, req, t, plan.Bodies, f)
	}
	if err == nil {
		err = req.Placed(bytes)
	}
	if err == nil {
		err = plan.Finish(ctx, f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
