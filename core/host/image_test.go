package host

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCheckClosedLeavesNoLease holds a copy of the descriptor that was checked,
// as a process between fork and exec does, and opens the file for writing.
func TestCheckClosedLeavesNoLease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, []byte("image"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	inherited, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	if err := checkClosed(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("open for writing after the check: %v", err)
	}
	if err := checkClosed(w); err == nil {
		t.Error("a file that is open for writing passed for closed")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
