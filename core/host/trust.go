package host

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// checkTrust refuses a builder that someone else than its user or root can
// change or put in place: by the file itself, which is open, or by the
// directory in which it was found.
func checkTrust(f *os.File, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if err := checkOwner(path, &st); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := unix.Stat(dir, &st); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if st.Mode&unix.S_ISVTX != 0 { // there nobody replaces another's file
		st.Mode &^= unix.S_IWOTH
	}
	return checkOwner(dir, &st)
}

func checkOwner(path string, st *unix.Stat_t) error {
	self := os.Geteuid()
	if owner := int(st.Uid); owner != 0 && owner != self {
		err := fmt.Errorf("%s belongs to uid %d, who could have another program run as uid %d", path, owner, self)
		return hint.With(err, "if you trust it: copy it, or have it belong to you or to root")
	}
	if st.Mode&unix.S_IWOTH != 0 {
		return hint.With(fmt.Errorf("everyone can write to %s", path), "if you trust it: chmod o-w "+path)
	}
	return nil
}
