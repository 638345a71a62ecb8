package mkfssquashfs_test

import (
	"testing"

	"banger/internal/buildertest"
	"banger/internal/need"
	mkfssquashfs "banger/plugins/mkfs-squashfs"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	need.Tool(t, "tar2sqfs", "squashfs-tools-ng")
	buildertest.Golden(t, mkfssquashfs.New(), 2, map[string]string{
		"tar2sqfs (squashfs-tools-ng) 1.2.0": "76ec11e28d08a92e748ff250cada2c48cbaca3b8ad484ae13ee31a016b86de1d",
	})
}
