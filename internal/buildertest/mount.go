package buildertest

import (
	"context"
	"os"
	"os/exec"
)

// Mount is a sdktest.Config's Mount: the kernel shows an image's contents, from
// a loop device. Only root can.
func Mount(ctx context.Context, image string) (dir string, done func() error, err error) {
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
