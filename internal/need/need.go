// Package need says what a test needs of its machine. Where that is missing
// the test is skipped with the exact reason; under CI=true, where .ci/run has
// installed everything, it fails instead, so that nothing is skipped there.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Nobody is the user and group id that tests run as when they need an
// ordinary user.
const Nobody = 65534

// Root needs the test to run as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "needs root, and this is uid %d", os.Geteuid())
	}
}

// Tool needs an executable and returns its path. It looks where an ordinary
// user's PATH does not lead, too.
func Tool(t testing.TB, name, debianPackage string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	missing(t, "needs %s of the Debian package %s", name, debianPackage)
	return ""
}

// Filesystem needs the kernel to have a filesystem, built in or as a module
// that this user may load.
func Filesystem(t testing.TB, name string) {
	t.Helper()
	has := func() bool {
		known, err := os.ReadFile("/proc/filesystems")
		return err == nil && slices.Contains(strings.Fields(string(known)), name)
	}
	if !has() {
		_ = exec.CommandContext(t.Context(), "modprobe", name).Run()
	}
	if !has() {
		missing(t, "needs the filesystem %s, which this kernel has not", name)
	}
}

// File needs a file and returns its path.
func File(t testing.TB, path, how string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(t, "needs %s: %s", path, how)
	}
	return path
}

// AsNobody makes cmd run as an ordinary user when the test itself is root,
// and changes nothing otherwise.
func AsNobody(cmd *exec.Cmd) {
	if os.Geteuid() != 0 {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: Nobody, Gid: Nobody, NoSetGroups: false}
}

// OpenDir makes a new directory that the user of AsNobody owns and can reach,
// and removes it with the test.
func OpenDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "banger-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, Nobody, Nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// MemoryDir makes a directory on a filesystem in memory, where there is one,
// and removes it with the test. It is for tests that make very many files and
// have no use for a disk.
func MemoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "banger-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
