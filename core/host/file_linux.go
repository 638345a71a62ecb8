package host

import (
	"os"

	"golang.org/x/sys/unix"
)

func device(st *unix.Stat_t) uint64 { return st.Dev }

// setLease asks for a lease on a file, or gives it back: fcntl(2), F_SETLEASE.
func setLease(f *os.File, kind int) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, kind)
	return err
}
