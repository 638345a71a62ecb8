package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/bangertest"
	"banger/internal/need"
)

// TestNoSpace fills the disk of the store, then that of the output: a clear
// error with the code of its kind, nothing left, and success once there is
// room.
func TestNoSpace(t *testing.T) {
	need.Root(t)
	need.Tool(t, "mkfs.ext4", "e2fsprogs")
	bin := bangertest.Binary(t)
	dir := t.TempDir()
	image := filepath.Join(dir, "image")
	if err := writeImage(image, "large"); err != nil {
		t.Fatal(err)
	}
	small := smallDisk(t, "1m")
	roomy := filepath.Join(dir, "store")

	t.Run("store", func(t *testing.T) {
		code, stderr := runBanger(t, bin, "build", "--store", filepath.Join(small, "store"), "oci:"+image, "-o", filepath.Join(dir, "x.ext4"))
		if code != exitStore || !strings.Contains(stderr, "no space left") || !strings.Contains(stderr, "hint: ") {
			t.Errorf("exit code %d, want %d; stderr:\n%s", code, exitStore, stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "x.ext4")); err == nil {
			t.Error("there is an output")
		}
	})
	t.Run("output", func(t *testing.T) {
		out := filepath.Join(small, "out")
		if err := os.Mkdir(out, 0o755); err != nil {
			t.Fatal(err)
		}
		code, stderr := runBanger(t, bin, "build", "--store", roomy, "oci:"+image, "-o", filepath.Join(out, "x.ext4"))
		if code != exitOther || !strings.Contains(stderr, "no space left") {
			t.Errorf("exit code %d, want %d; stderr:\n%s", code, exitOther, stderr)
		}
		code, stderr = runBanger(t, bin, "export", "--store", roomy, "oci:"+image, "-o", filepath.Join(out, "x.tar"))
		if code != exitOther || !strings.Contains(stderr, "no space left") {
			t.Errorf("export: exit code %d, want %d; stderr:\n%s", code, exitOther, stderr)
		}
		assertEmpty(t, out)
	})
	if code, stderr := runBanger(t, bin, "build", "--store", roomy, "oci:"+image, "-o", filepath.Join(dir, "x.ext4")); code != exitOK {
		t.Errorf("with room: exit code %d\n%s", code, stderr)
	}
}

// smallDisk mounts a tmpfs until the test ends.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount tmpfs: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", dir).Run() })
	return dir
}

// runBanger runs the command and returns its exit code and standard error.
func runBanger(t *testing.T, bin string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), stderr.String()
}
