// Package mkext4 is what the builders that use e2fsprogs share: from a
// request to an image that mkfs.ext4 has filled, which names have which
// inodes in it, where it differs from the tree, and what happens when the
// planned size turns out too small.
//
// Everything a builder says of an image it has read there: mkfs.ext4 and
// debugfs are not taken at their word.
package mkext4

import (
	"context"

	"banger/internal/ext4"
	"banger/plugins/internal/e2fsprogs"
	"banger/plugins/internal/ext4size"
	"banger/sdk"
)

// Finish completes an image that mkfs.ext4 has filled from the staged
// directory, without xattrs, and returns what it does not hold. It may be
// called twice, for two images.
type Finish func(ctx context.Context, j *Job) ([]sdk.Loss, error)

// Build makes the image of req for the named builder, which needs the named
// tools, and reports its losses.
func Build(ctx context.Context, req *sdk.Request, builder string, tools []string, finish Finish) error {
	j, err := newJob(ctx, req, builder, tools)
	if err != nil {
		return err
	}
	plan, err := ext4size.New(j.Tree, req.Size)
	if err != nil {
		return err
	}
	j.warn(plan.Content)
	losses, err := j.attempt(ctx, plan, finish)
	if missing, short := isShort(err); short && plan.Auto {
		larger := plan.Larger(missing)
		req.Log(sdk.LogWarn, "the planned size of %d MiB was too small (%v); building again with %d MiB", plan.Bytes>>20, err, larger.Bytes>>20)
		plan = larger
		losses, err = j.attempt(ctx, plan, finish)
	}
	if err != nil {
		return tooSmall(err, plan)
	}
	req.Lose(losses...)
	return nil
}

// attempt makes one image.
func (j *Job) attempt(ctx context.Context, p ext4size.Plan, finish Finish) ([]sdk.Loss, error) {
	j.Req.Progress(sdk.Progress{Phase: "mkfs.ext4"})
	m := e2fsprogs.Mkfs{
		Image: j.Image, Dir: j.Dir, Scratch: j.Req.Scratch, Bytes: p.Bytes, Inodes: p.Inodes, Journal: p.Journal * ext4.BlockSize >> 20,
		Label: j.label, UUID: j.uuid("uuid"), HashSeed: j.uuid("hash seed"),
	}
	if err := m.Run(ctx, j.Tools); err != nil {
		return nil, err
	}
	losses, err := finish(ctx, j)
	if err != nil {
		return nil, err
	}
	return losses, j.checkFree(p)
}

func (j *Job) checkFree(p ext4size.Plan) error {
	img, err := ext4.Open(j.Image)
	if err != nil {
		return err
	}
	defer img.Close()
	if free := img.Super().FreeBlocks; free < p.FreeBlocks {
		return errShort{missing: p.FreeBlocks - free, free: free}
	}
	return nil
}
