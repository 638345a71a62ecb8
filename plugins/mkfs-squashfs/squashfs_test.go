package mkfssquashfs_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"banger/internal/need"
	mkfssquashfs "banger/plugins/mkfs-squashfs"
	"banger/sdk/sdktest"
)

// The kit has the kernel list every image, and holds it against its tree.
func TestConformance(t *testing.T) {
	need.Root(t)
	need.Tool(t, "tar2sqfs", "squashfs-tools-ng")
	sdktest.Test(t, mkfssquashfs.New(), sdktest.Config{Mount: loopMount})
}

// loopMount is a sdktest.Config's Mount.
func loopMount(ctx context.Context, image string) (dir string, done func() error, err error) {
	if dir, err = os.MkdirTemp("", "banger-mount-"); err != nil {
		return "", nil, err
	}
	if err := exec.CommandContext(ctx, "mount", "-t", "squashfs", "-o", "loop,ro", image, dir).Run(); err != nil {
		_ = os.Remove(dir)
		return "", nil, err
	}
	return dir, func() error {
		if err := exec.CommandContext(context.WithoutCancel(ctx), "umount", dir).Run(); err != nil {
			return err
		}
		return os.Remove(dir)
	}, nil
}
