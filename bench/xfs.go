package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// xfsSize is the size of the filesystem: a sparse file.
const xfsSize = 8 << 30

// mountXFS makes an XFS with reflink below dir and returns where it is mounted.
func mountXFS(ctx context.Context, dir string) (mount string, unmount func() error, err error) {
	file, mount := filepath.Join(dir, "xfs"), filepath.Join(dir, "mnt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return "", nil, err
	}
	if err := os.Truncate(file, xfsSize); err != nil {
		return "", nil, err
	}
	if err := os.Mkdir(mount, 0o700); err != nil {
		return "", nil, err
	}
	if err := command(ctx, "mkfs.xfs", "-q", "-m", "reflink=1", file); err != nil {
		return "", nil, err
	}
	if err := command(ctx, "mount", "-o", "loop", file, mount); err != nil {
		return "", nil, err
	}
	return mount, func() error { return command(context.WithoutCancel(ctx), "umount", mount) }, nil
}

// command runs a command that is not measured.
func command(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", args[0], err, out)
	}
	return nil
}
