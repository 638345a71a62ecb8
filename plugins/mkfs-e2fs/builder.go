// Package mkfse2fs is the default builder: mkfs.ext4 -d on a staged
// directory.
//
// It keeps what mkfs.ext4 and the user who runs it keep. As root that is
// nearly everything, without fractions of seconds; as an ordinary user it is
// names, contents, links, modes and mtimes. What it does not keep it reports:
// it reads the image back and compares it with the tree. Of what mkfs.ext4
// has no say in it sets, with debugfs, the root's mode and mtime, the xattrs
// that were staged (so that nothing the host adds gets in, and in an order
// that does not depend on the host), and access and change times. The
// /lost+found that mkfs.ext4 makes stays.
//
// Equal trees give equal bytes from one version of e2fsprogs, if what could
// be staged is equal, too.
package mkfse2fs

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
)

// Revision goes up when equal input gives other bytes; see plugins/internal/buildtest/testdata/golden.
const Revision = 1

var tools = []string{e2fsprogs.MkfsName, e2fsprogs.DebugfsName}

type builder struct{}

// New returns the builder.
func New() sdk.Builder { return builder{} }

// Describe implements sdk.Builder.
func (builder) Describe(ctx context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name:      "e2fs",
		Version:   fmt.Sprintf("revision %d", Revision),
		Revision:  Revision,
		MediaType: ext4build.MediaType,
		Input:     sdk.InputDir,
		Staging:   sdk.StagingFaithful,
		Options:   []sdk.Option{imagebuild.LabelOption()},
		MinBytes:  ext4size.MinBytes,
		CannotKeep: []string{
			"fractions of seconds of mtimes, and mtimes before 1901 and after 2038",
			"hardlinks of symlinks",
			"the owner of the root directory, which is 0:0",
			"run by an ordinary user: owners, devices, security.* and trusted.* xattrs, modes without read permission for the owner",
		},
		Tools:              e2fsprogs.Describe(ctx, tools...),
		Deterministic:      true,
		PrivilegeDependent: true,
	}, nil
}

// Build implements sdk.Builder.
func (builder) Build(ctx context.Context, req *sdk.Request) error {
	staged, err := req.StagingLosses()
	if err != nil {
		return err
	}
	return mkext4.Build(ctx, req, "e2fs", tools, func(ctx context.Context, j *mkext4.Job) ([]sdk.Loss, error) {
		l := newLosses(staged)
		if err := complete(ctx, j, l); err != nil {
			return nil, err
		}
		return compare(ctx, j, l)
	})
}

// compare reads the finished image back.
func compare(ctx context.Context, j *mkext4.Job, l *losses) ([]sdk.Loss, error) {
	img, err := ext4.Open(j.Image)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	m, err := mkext4.NewMatch(ctx, img, j.Tree)
	if err != nil {
		return nil, err
	}
	diffs, err := mkext4.Compare(ctx, img, j.Tree, m)
	if err != nil {
		return nil, err
	}
	return l.explain(j.Tree, diffs)
}
