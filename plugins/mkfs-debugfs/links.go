package mkfsdebugfs

import (
	"context"

	"banger/internal/ext4"
	"banger/plugins/internal/imagebuild"
	"banger/plugins/internal/mkext4"
	"banger/sdk/tree"
)

// mergeLinks points each further name of an inode at that inode where it has
// one of its own, and returns the inodes that are then without a name.
func mergeLinks(ctx context.Context, j *mkext4.Job) ([]uint32, error) {
	img, err := ext4.OpenRW(j.Image)
	if err != nil {
		return nil, err
	}
	m, err := mkext4.NewMatch(ctx, img, j.Tree)
	var orphans []uint32
	if err == nil {
		orphans, err = relink(img, j.Tree, m)
	}
	if closeErr := img.Close(); err == nil {
		err = closeErr
	}
	return orphans, err
}

func relink(img *ext4.Image, t *tree.Tree, m *mkext4.Match) ([]uint32, error) {
	var orphans []uint32
	for i, n := range m.Inodes {
		first := m.Inodes[imagebuild.Target(t, i)]
		if n == first {
			continue
		}
		place := m.Places[i]
		if err := img.Relink(&place.Dir, place.Dirent, place.Dirent.Name, first); err != nil {
			return nil, err
		}
		orphans = append(orphans, n)
	}
	return orphans, nil
}
