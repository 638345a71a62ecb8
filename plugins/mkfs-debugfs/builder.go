// Package mkfsdebugfs is the builder for ordinary users: mkfs.ext4 -d on a
// staged directory, and then every inode's owner, mode, times, xattrs and
// device number written into the image with debugfs.
//
// It loses nothing that ext4 can hold, whoever runs it, and everyone gets the
// same bytes from one version of e2fsprogs. Devices, which an ordinary user
// cannot stage, are made in the image; names of one symlink or device, for
// which mkfs.ext4 and debugfs make several inodes, are made one again. All
// four times of an inode are its mtime. The image has no /lost+found unless
// the tree has one: it holds the tree and nothing else (e2fsck makes one when
// it needs it).
//
// debugfs hides failures, so the result is checked with e2fsck and then read
// back and compared with the tree; a difference that was not foreseen is an
// error. What ext4 cannot hold, and is a loss: mtimes before 1901, after
// 2446, and those between 2310 and 2378, which e2fsck moves to before 1970;
// device numbers that Linux does not have; xattrs beyond 4 KiB and in
// namespaces that ext4 or Linux does not know.
package mkfsdebugfs

import (
	"context"
	"fmt"

	"banger/internal/ext4"
	"banger/plugins/internal/e2fsprogs"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/ext4size"
	"banger/plugins/internal/imagebuild"
	"banger/plugins/internal/mkext4"
	"banger/sdk"
	"banger/sdk/tree"
)

// Revision goes up when equal input gives other bytes; see plugins/internal/buildtest/testdata/golden.
const Revision = 1

var tools = []string{e2fsprogs.MkfsName, e2fsprogs.DebugfsName, e2fsprogs.FsckName}

type builder struct{}

// New returns the builder.
func New() sdk.Builder { return builder{} }

// Describe implements sdk.Builder.
func (builder) Describe(ctx context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name:      "debugfs",
		Version:   fmt.Sprintf("revision %d", Revision),
		Revision:  Revision,
		MediaType: ext4build.MediaType,
		Input:     sdk.InputDir,
		Staging:   sdk.StagingPlain,
		Options:   []sdk.Option{imagebuild.LabelOption()},
		MinBytes:  ext4size.MinBytes,
		CannotKeep: []string{
			"mtimes before 1901, after 2446, and from 2310 to 2378",
			"device numbers over 4095:1048575",
			"more than about 4 KiB of xattrs for one inode, xattrs whose names have line breaks or namespaces that ext4 has not",
		},
		Tools:         e2fsprogs.Describe(ctx, tools...),
		Deterministic: true,
	}, nil
}

// Build implements sdk.Builder.
func (builder) Build(ctx context.Context, req *sdk.Request) error {
	return mkext4.Build(ctx, req, "debugfs", tools, finish)
}

// finish makes of mkfs.ext4's image what the tree says.
func finish(ctx context.Context, j *mkext4.Job) ([]sdk.Loss, error) {
	if err := makeDevices(ctx, j); err != nil {
		return nil, err
	}
	orphans, err := mergeLinks(ctx, j)
	if err != nil {
		return nil, err
	}
	if err := writeInodes(ctx, j, orphans); err != nil {
		return nil, err
	}
	j.Req.Progress(sdk.Progress{Phase: "e2fsck"})
	if err := e2fsprogs.Fsck(ctx, j.Tools, j.Image); err != nil {
		return nil, err
	}
	return verify(ctx, j)
}

// verify reads the image back.
func verify(ctx context.Context, j *mkext4.Job) ([]sdk.Loss, error) {
	var diffs []sdk.Loss
	err := read(ctx, j, func(img *ext4.Image, m *mkext4.Match) (err error) {
		if m.LostFound {
			return fmt.Errorf("verify image: it still has mke2fs's /lost+found")
		}
		diffs, err = mkext4.Compare(ctx, img, j.Tree, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return explain(j.Tree, diffs)
}

// explain gives each difference its reason.
func explain(t *tree.Tree, diffs []sdk.Loss) ([]sdk.Loss, error) {
	for i := range diffs {
		d := &diffs[i]
		if d.Why = reason(t.Lookup(d.Path), d.Field); d.Why == "" {
			return nil, fmt.Errorf("verify image: %v, and ext4 could hold it", d)
		}
	}
	return diffs, nil
}

// read opens the image for do, with its names matched.
func read(ctx context.Context, j *mkext4.Job, do func(*ext4.Image, *mkext4.Match) error) error {
	img, err := ext4.Open(j.Image)
	if err != nil {
		return err
	}
	defer img.Close()
	m, err := mkext4.NewMatch(ctx, img, j.Tree)
	if err != nil {
		return err
	}
	return do(img, m)
}
