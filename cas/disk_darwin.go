package cas

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// startWriteback has no call of its own here, and promises nothing anyway.
func startWriteback(*os.File, int64, int64) error { return nil }

// reserve does nothing: APFS has no need of it.
func reserve(*os.File, int64, int64) {}

// renameNew is renamex_np(2) that fails where to exists.
func renameNew(from, to string) error {
	err := unix.RenamexNp(from, to, unix.RENAME_EXCL)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) {
		return errCannotTell
	}
	return err
}

func exchange(a, b string) error {
	return os.NewSyscallError("renamex_np", unix.RenamexNp(a, b, unix.RENAME_SWAP))
}

// clone makes a file with src's blocks, fclonefileat(2), and has it take the
// output's place: a file that is there cannot be given them.
func clone(o *outFile, src *os.File) error {
	if o.temp == "" {
		return unix.ENOTSUP
	}
	temp := hiddenName(o.target)
	if err := unix.Fclonefileat(int(src.Fd()), unix.AT_FDCWD, temp, unix.CLONE_NOOWNERCOPY); err != nil {
		return os.NewSyscallError("fclonefileat", err)
	}
	f, err := openClone(o, temp)
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	_ = os.Remove(o.temp) // empty, and never seen
	_ = o.f.Close()
	o.f, o.temp = f, temp
	return nil
}

// openClone opens and locks a clone, which has its source's mode and times,
// as the output that it is to be.
func openClone(o *outFile, temp string) (*os.File, error) {
	info, err := o.f.Stat()
	if err == nil {
		err = os.Chmod(temp, info.Mode().Perm()|0o600)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(temp, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	err = f.Chmod(info.Mode().Perm())
	if err == nil {
		err = os.Chtimes(temp, time.Now(), time.Now())
	}
	// As in openHidden: until it is locked another copy may take it for stale.
	if err == nil && (errors.Is(flock(f, unix.LOCK_EX|unix.LOCK_NB), errHeld) || !current(f, temp)) {
		err = fmt.Errorf("lock %s: %w", temp, errHeld)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// There are no files without a name here.

func openTmpfile(string) (*os.File, error) { return nil, unix.ENOTSUP }

func linkOpen(*os.File, string) error { return unix.ENOTSUP }

func linkable(*os.File) bool { return false }

// punchHole is struct fpunchhole of fcntl(2).
type punchHole struct {
	flags, reserved uint32
	offset, length  int64
}

// punch makes a range of zeros a hole, where the filesystem can.
func punch(f *os.File, off, n int64) {
	hole := &punchHole{offset: off, length: n}
	var pin runtime.Pinner
	pin.Pin(hole)
	defer pin.Unpin()
	_, _ = unix.FcntlInt(f.Fd(), unix.F_PUNCHHOLE, int(uintptr(unsafe.Pointer(hole))))
}

// omitTime leaves a time as it is: UTIME_OMIT of utimensat(2), sys/stat.h.
var omitTime = unix.Timespec{Nsec: -2}

// badMedium are the errors by which a filesystem says that it cannot read what
// it has.
var badMedium = []error{unix.EIO, unix.EBADMSG}
