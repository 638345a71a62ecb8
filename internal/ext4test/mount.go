package ext4test

import (
	"context"
	"os/exec"
	"testing"

	"banger/internal/need"
)

// Mount has the kernel mount an image for reading until the test ends, and
// returns where.
func Mount(t testing.TB, image string) string {
	t.Helper()
	need.Root(t)
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "loop,ro", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}
