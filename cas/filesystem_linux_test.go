package cas

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNetworkFilesystem uses a store that other hosts may have open.
func TestNetworkFilesystem(t *testing.T) {
	for magic, name := range map[int64]string{unix.NFS_SUPER_MAGIC: "NFS", unix.SMB2_SUPER_MAGIC: "SMB"} {
		d := quickDisk()
		d.remote = func(string) (string, error) { return remotes[magic], nil }
		s := openDisk(t, t.TempDir(), d)
		if err := s.LocksHold(); !errors.Is(err, ErrNoLocks) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		checkUsable(t, s)
	}
	if err := openTest(t, t.TempDir()).LocksHold(); err != nil {
		t.Errorf("here: %v", err)
	}
}
