package stage

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"banger/sdk"
	"banger/sdk/tree"
)

func (s *stager) lose(l sdk.Loss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losses = append(s.losses, l)
}

func (s *stager) loseOwner(e *tree.Entry, st *unix.Stat_t) {
	why := "changing owners takes root"
	if s.privileged {
		why = "the host does not map that id"
	}
	s.lose(sdk.Loss{
		Path: e.Path, Field: "owner", Why: why,
		Wanted: fmt.Sprintf("%d:%d", e.UID, e.GID), Got: fmt.Sprintf("%d:%d", st.Uid, st.Gid),
	})
}

func (s *stager) loseMode(e *tree.Entry, st *unix.Stat_t) {
	why := "the host did not take it"
	if s.stagedMode(e) != e.Mode {
		why = "the builder must be able to read it"
	}
	s.lose(sdk.Loss{
		Path: e.Path, Field: "mode", Why: why,
		Wanted: fmt.Sprintf("%04o", e.Mode), Got: fmt.Sprintf("%04o", st.Mode&0o7777),
	})
}

func (s *stager) loseMTime(e *tree.Entry, got tree.Time) {
	s.lose(sdk.Loss{
		Path: e.Path, Field: "mtime", Why: "the staging filesystem cannot hold it",
		Wanted: formatTime(e.MTime), Got: formatTime(got),
	})
}

func formatTime(t tree.Time) string { return t.Time().Format(time.RFC3339Nano) }

// loseXattr notes an xattr that is not there; changedXattr one that is there
// with another value.
func (s *stager) loseXattr(path string, x tree.Xattr, why string) {
	s.lose(sdk.Loss{Path: path, Field: "xattr:" + x.Name, Wanted: x.Value, Why: why})
}

func (s *stager) changedXattr(path string, x tree.Xattr, got string) {
	// A refused one has been noted.
	if got != "" {
		s.lose(sdk.Loss{Path: path, Field: "xattr:" + x.Name, Wanted: x.Value, Got: got, Why: "the kernel made it agree with the mode"})
	}
}

// loseInode notes that the name path of inode is not there at all.
func (s *stager) loseInode(path string, inode *tree.Entry, why error) {
	if s.plain {
		return
	}
	s.lose(sdk.Loss{
		Path: path, Field: "type", Why: why.Error(),
		Wanted: fmt.Sprintf("%s %d:%d", inode.Type, inode.DevMajor, inode.DevMinor),
	})
}
