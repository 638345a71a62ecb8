package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// xfsSize is the size of the filesystem: a sparse file.
const xfsSize = 8 << 30

// mountXFS makes an XFS with reflink in the file dir.img and mounts it on the
// new directory dir.
func mountXFS(ctx context.Context, dir string) error {
	file := dir + ".img"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(file, xfsSize); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := command(ctx, "mkfs.xfs", "-q", "-m", "reflink=1", file); err != nil {
		return err
	}
	return command(ctx, "mount", "-o", "loop", file, dir)
}

// command runs a command that is not measured.
func command(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", args[0], err, out)
	}
	return nil
}
