package buildtest

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"banger/internal/need"
	"banger/sdk/sdktest"
)

// The bundled builders pass the kit that other builders are held to, with the
// kernel to look into their images.
func TestConformance(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	for name, b := range builders {
		t.Run(name, func(t *testing.T) {
			sdktest.Test(t, b, sdktest.Config{Mount: loopMount})
		})
	}
}

// loopMount is a sdktest.Config's Mount.
func loopMount(ctx context.Context, image string) (dir string, done func() error, err error) {
	if dir, err = os.MkdirTemp("", "banger-mount-"); err != nil {
		return "", nil, err
	}
	if err := exec.CommandContext(ctx, "mount", "-o", "loop,ro", image, dir).Run(); err != nil {
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
