package mkfssquashfs_test

import (
	"testing"

	"banger/internal/buildertest"
	"banger/internal/need"
	mkfssquashfs "banger/plugins/mkfs-squashfs"
	"banger/sdk/sdktest"
)

// The kit has the kernel list every image, and holds it against its tree.
func TestConformance(t *testing.T) {
	need.Root(t)
	need.Tool(t, "tar2sqfs", "squashfs-tools-ng")
	need.Filesystem(t, "squashfs")
	sdktest.Test(t, mkfssquashfs.New(), sdktest.Config{Mount: buildertest.Mount})
}
