// Package ext4test asks the judges of ext4 images that the tests of several
// packages need: e2fsprogs of two ages, and the kernel.
package ext4test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"banger/internal/need"
)

// Fsck has an image checked by the e2fsck of this machine, and by that of a
// later Debian where it is there.
func Fsck(t testing.TB, image string) {
	t.Helper()
	checks := [][]string{{need.Tool(t, "e2fsck", "e2fsprogs"), "-fn", image}}
	if _, err := os.Stat(newerRoot()); err == nil {
		checks = append(checks, newer(t, "e2fsck", "-fn", image))
	}
	for _, c := range checks {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", c, err, out)
		}
	}
}

// newerRoot has the e2fsprogs of a later Debian: build/trixie in the
// repository, above the directory that a test runs in.
func newerRoot() string {
	up := ""
	for range 8 {
		if _, err := os.Stat(up + "go.mod"); err == nil {
			break
		}
		up += "../"
	}
	return up + "build/trixie"
}

// newer is the command line of one of its tools, with its own libraries.
func newer(t testing.TB, tool string, args ...string) []string {
	t.Helper()
	root := newerRoot()
	libraries, _ := filepath.Glob(root + "/usr/lib/*/libc.so.6") // a constant pattern
	loaders, _ := filepath.Glob(root + "/usr/lib/*/ld-linux*")
	if len(libraries) == 0 || len(loaders) == 0 {
		t.Fatalf("%s has no C library", root)
	}
	return append([]string{loaders[0], "--library-path", filepath.Dir(libraries[0]), root + "/usr/sbin/" + tool}, args...)
}
