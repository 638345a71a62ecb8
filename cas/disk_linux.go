package cas

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback is sync_file_range(2) with SYNC_FILE_RANGE_WRITE alone: it
// promises nothing, and so is no error where it does not exist.
func startWriteback(f *os.File, off, n int64) error {
	err := unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
	for _, none := range []error{unix.ENOSYS, unix.EINVAL, unix.ESPIPE, unix.EOPNOTSUPP, unix.EPERM} {
		if errors.Is(err, none) {
			return nil
		}
	}
	return os.NewSyscallError("sync_file_range", err)
}

// reserve is fallocate(2) on ext4, where writing to what is allocated takes half
// of the time: it is else accounted for page by page. Other filesystems gain
// nothing, or do the work twice.
func reserve(f *os.File, off, n int64) {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) == nil && st.Type == unix.EXT4_SUPER_MAGIC {
		_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
	}
}

// renameNew is rename(2) that fails where to exists.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return errCannotTell
	}
	return err
}

func exchange(a, b string) error {
	return os.NewSyscallError("renameat2", unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE))
}

func clone(o *outFile, src *os.File) error {
	return os.NewSyscallError("ficlone", unix.IoctlFileClone(int(o.f.Fd()), int(src.Fd())))
}

func openTmpfile(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o666)
}

func linkOpen(f *os.File, path string) error {
	err := unix.Linkat(unix.AT_FDCWD, procPath(f), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.LinkError{Op: "linkat", Old: f.Name(), New: path, Err: err}
	}
	return nil
}

func procPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// linkable says whether f can be given a name later, which needs /proc.
func linkable(f *os.File) bool {
	_, err := os.Stat(procPath(f))
	return err == nil
}

// punch makes a range of zeros a hole, where the filesystem can.
func punch(f *os.File, off, n int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// omitTime leaves a time as it is, utimensat(2).
var omitTime = unix.Timespec{Nsec: unix.UTIME_OMIT}

// badMedium are the errors by which a filesystem says that it cannot read what
// it has.
var badMedium = []error{unix.EIO, unix.EUCLEAN, unix.EBADMSG}
