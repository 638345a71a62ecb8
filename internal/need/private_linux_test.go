package need

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mountVar has the test binary mount the file image in its directory, say so,
// and wait for its standard input to end.
const mountVar = "BANGER_TEST_MOUNT"

func TestMain(m *testing.M) {
	PrivateMounts()
	if dir := os.Getenv(mountVar); dir != "" {
		out, err := exec.Command("mount", "-o", "loop", filepath.Join(dir, "image"), dir).CombinedOutput() //nolint:noctx // there is none
		_, _ = os.Stdout.WriteString(string(out) + errText(err) + "\n")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	os.Exit(m.Run())
}

func errText(err error) string {
	if err != nil {
		return err.Error()
	}
	return "mounted"
}

// TestPrivateMountsEndWithTheProcess kills a process that has mounted an image:
// neither the mount nor its loop device may be left.
func TestPrivateMountsEndWithTheProcess(t *testing.T) {
	Root(t)
	dir, losetup := t.TempDir(), Tool(t, "losetup", "mount")
	image := filepath.Join(dir, "image")
	if err := os.WriteFile(image, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, Tool(t, "mkfs.ext4", "e2fsprogs"), "-q", image)

	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, privateVar) }), mountVar+"="+dir)
	_, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if said != "mounted\n" {
		t.Errorf("the process said %q, %v", said, err)
	}
	if Run(t, losetup, "-j", image) == "" {
		t.Error("the image has no loop device")
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("the mount is seen outside of the process: %v", err)
	}
	_, _ = cmd.Process.Kill(), cmd.Wait()
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // had it been left
	for deadline := time.Now().Add(time.Minute); Run(t, losetup, "-j", image) != ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the loop device is left")
		}
	}
}
