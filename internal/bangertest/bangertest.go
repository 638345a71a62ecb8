// Package bangertest builds the banger command for tests that run it as users
// do: as a process.
package bangertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	once sync.Once
	dir  string
	fail string
)

// Binary builds cmd/banger and both standalone builders once for the test
// process and returns the path of banger. Every user may run them. The caller
// runs [Cleanup] at the end of TestMain.
func Binary(t testing.TB) string {
	t.Helper()
	once.Do(build)
	if fail != "" {
		t.Fatal(fail)
	}
	return filepath.Join(dir, "banger")
}

// Cleanup removes what Binary built.
func Cleanup() {
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
}

func build() {
	var err error
	if dir, err = os.MkdirTemp("", "banger-bin-"); err != nil {
		fail = err.Error()
		return
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		fail = err.Error()
		return
	}
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", dir+"/", "banger/cmd/banger",
		"banger/plugins/mkfs-e2fs/cmd/banger-builder-e2fs", "banger/plugins/mkfs-debugfs/cmd/banger-builder-debugfs",
		"banger/plugins/mkfs-ext4/cmd/banger-builder-ext4")
	if out, err := cmd.CombinedOutput(); err != nil {
		fail = "build banger: " + err.Error() + "\n" + string(out)
	}
}
