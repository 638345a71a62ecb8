package boot

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"banger/internal/need"
)

// bootTimeout bounds one boot, which takes seconds on an idle machine.
const bootTimeout = 10 * time.Minute

func machine(t *testing.T) Machine {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skipf("needs an amd64 init, and this is %s", runtime.GOARCH)
	}
	m := Find(need.Tool(t, "qemu-system-x86_64", "qemu-system-x86"))
	need.File(t, m.Kernel, "install linux-image-cloud-amd64")
	need.File(t, m.Initrd, "install initramfs-tools and linux-image-cloud-amd64")
	return m
}

// start boots an image with ext4 and returns the console's lines.
func start(t *testing.T, image string) []string {
	t.Helper()
	return startOn(t, machine(t), "ext4", image)
}

// startOn boots an image with that filesystem and the demo's init on a machine
// that has its driver, with words added to the kernel's command line.
func startOn(t *testing.T, m Machine, filesystem, image string, words ...string) []string {
	t.Helper()
	lines := boot(t, m, image, append(words, "banger.poweroff"))
	booted := func(line string) bool {
		return strings.HasPrefix(line, "banger demo: booted Linux ") && strings.HasSuffix(line, ", root filesystem "+filesystem)
	}
	if !slices.ContainsFunc(lines, booted) {
		t.Fatalf("no sign of the demo's init on the console:\n%s", strings.Join(lines, "\n"))
	}
	return lines
}

// boot boots the image as an ordinary user, with words for the kernel and
// commands for the shell on its console, and returns the console's lines.
func boot(t *testing.T, m Machine, image string, words []string, commands ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTimeout)
	defer cancel()
	cmd := m.Command(ctx, image, words...)
	cmd.Dir = filepath.Dir(image)
	cmd.Env = append(os.Environ(), "TMPDIR="+cmd.Dir)
	need.AsNobody(cmd)
	lines, err := Run(cmd, commands...)
	if err != nil {
		t.Fatalf("%v; the console's last lines:\n%s", err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return lines
}

// The helper itself: an image that mkfs.ext4 alone has made, of the init and
// the directories that it needs.
func TestBootsWhatMkfsMade(t *testing.T) {
	mkfs := need.Tool(t, "mkfs.ext4", "e2fsprogs")
	machine(t)
	dir := need.OpenDir(t)
	root := filepath.Join(dir, "root")
	for _, name := range []string{"dev", "proc", "run", "sys", "sbin"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	buildDemoInit(t, filepath.Join(root, "sbin/init"))
	image := filepath.Join(dir, "rootfs.ext4")
	run(t, mkfs, "-q", "-F", "-d", root, image, "64M")

	if lines := start(t, image); !slices.Contains(lines, "banger demo: open /etc/banger-demo: no such file or directory") {
		t.Errorf("an image without facts was not told:\n%s", strings.Join(lines, "\n"))
	}
}

func TestReportsWhyQEMUFailed(t *testing.T) {
	_, err := Run(machine(t).Command(t.Context(), filepath.Join(t.TempDir(), "no, image")))
	if err == nil || !strings.Contains(err.Error(), "Could not open") {
		t.Errorf("booting an image that is not there: %v", err)
	}
}
