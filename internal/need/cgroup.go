package need

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// MemoryGroup makes a control group (cgroups(7), of either version) whose
// processes have so many bytes of memory together, and returns the file that
// takes them. It is removed with the test, by when they have to be gone.
func MemoryGroup(t testing.TB, limit int64) string {
	t.Helper()
	Root(t)
	parent, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(parent); err != nil {
		parent, file = "/sys/fs/cgroup", "memory.max"
		_ = os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory"), 0) // it may be on already
	}
	dir, err := os.MkdirTemp(parent, "banger-test-")
	if err != nil {
		missing(t, "needs control groups for memory: %v", err)
	}
	t.Cleanup(func() { removeGroup(t, dir) })
	if err := os.WriteFile(filepath.Join(dir, file), strconv.AppendInt(nil, limit, 10), 0); err != nil {
		missing(t, "needs control groups for memory: %v", err)
	}
	_ = os.WriteFile(filepath.Join(dir, "memory.swap.max"), []byte("0"), 0) // where there is swap
	return filepath.Join(dir, "cgroup.procs")
}

// removeGroup waits for what was in a group to be taken apart.
func removeGroup(t testing.TB, dir string) {
	t.Helper()
	err := syscall.Rmdir(dir)
	for range 1000 {
		if !errors.Is(err, syscall.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = syscall.Rmdir(dir)
	}
	if err != nil {
		t.Errorf("remove %s: %v", dir, err)
	}
}
