package need

import (
	"context"
	"os/exec"
	"testing"
)

// Mount mounts a filesystem on dir until the test ends, with the arguments of
// mount(8). It needs root.
func Mount(t testing.TB, dir string, args ...string) {
	t.Helper()
	Root(t)
	Run(t, "mount", append(args, dir)...)
	t.Cleanup(func() { // which a test may have done before
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", dir).Run()
	})
}

// Tmpfs mounts a filesystem in memory on dir until the test ends. Its options
// are those of tmpfs(5).
func Tmpfs(t testing.TB, dir, options string) {
	t.Helper()
	Mount(t, dir, "-t", "tmpfs", "-o", options, "tmpfs")
}

// ReadOnly makes dir a read-only mount of itself until the test ends.
func ReadOnly(t testing.TB, dir string) {
	t.Helper()
	Mount(t, dir, "--bind", dir)
	Run(t, "mount", "-o", "remount,bind,ro", dir)
}
