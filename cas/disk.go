package cas

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"banger/internal/reflink"
)

// disk holds the calls by which the store changes what is on disk. They are
// fields so that tests can make each one fail, or end the process beside it.
type disk struct {
	// create makes a new file, open for reading and writing.
	create  func(path string) (*os.File, error)
	mkdir   func(path string, perm fs.FileMode) error
	write   func(f *os.File, p []byte) (int, error)
	writeAt func(f *os.File, p []byte, off int64) (int, error)
	// writeback starts writing n bytes at off to the disk and does not wait.
	writeback func(f *os.File, off, n int64) error
	// reserve has the filesystem find room for n bytes at off before they are
	// written, where that saves time. It leaves the file's size as it is, and
	// whatever goes wrong with it to the write.
	reserve func(f *os.File, off, n int64)
	sync    func(f *os.File) error
	close   func(f *os.File) error
	// rename moves a file or directory. Unless replace is set it fails with
	// fs.ErrExist when to exists, where the filesystem can tell.
	rename func(from, to string, replace bool) error
	// exchange makes each of two files take the other's name, at once.
	exchange func(a, b string) error
	syncDir  func(dir string) error
	// tmpfile opens a file without a name in dir, with the mode that the
	// user's umask leaves.
	tmpfile func(dir string) (*os.File, error)
	// link gives f, which has no name, one.
	link func(f *os.File, path string) error
	// clone makes a new output share the blocks of src. It fails where the
	// filesystem cannot, and leaves the output as it was.
	clone func(o *outFile, src *os.File) error
	// cloneRange makes n bytes of dst at to share the blocks of src at from;
	// all three are multiples of the filesystem's block size.
	cloneRange func(dst *os.File, to int64, src *os.File, from, n int64) error
	// flock is flock(2); see the function of that name for its errors.
	flock func(f *os.File, how int) error
	// mayHang says that flock may not return, even with LOCK_NB.
	mayHang bool
	// remote names dir's filesystem when other hosts may hold it; "" when not.
	remote func(dir string) (string, error)
}

func realDisk() disk {
	return disk{
		create: func(path string) (*os.File, error) {
			return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		},
		mkdir:      os.Mkdir,
		write:      (*os.File).Write,
		writeAt:    (*os.File).WriteAt,
		writeback:  startWriteback,
		reserve:    reserve,
		sync:       (*os.File).Sync,
		close:      (*os.File).Close,
		rename:     rename,
		exchange:   exchange,
		syncDir:    syncDir,
		tmpfile:    openTmpfile,
		link:       linkOpen,
		clone:      clone,
		cloneRange: cloneRange,
		flock:      flock,
		remote:     remote,
	}
}

func cloneRange(dst *os.File, to int64, src *os.File, from, n int64) error {
	return reflink.Range(int(dst.Fd()), to, int(src.Fd()), from, n)
}

func rename(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	err := renameNew(from, to)
	// Filesystems that cannot tell say so. A plain rename still spares a
	// directory with anything in it, and replaces a file by its equal.
	if errors.Is(err, errCannotTell) {
		return os.Rename(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// errCannotTell: the filesystem has no rename that replaces nothing.
var errCannotTell = errors.New("the filesystem cannot rename without replacing")

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	err = d.Sync()
	if errors.Is(err, unix.EINVAL) { // a filesystem that cannot sync directories
		return nil
	}
	return err
}

// makeDirs makes the directory at path with all its parents, as far as they
// are not there, and each name that it makes durable.
func (d *disk) makeDirs(path string) error {
	err := d.mkdir(path, 0o777)
	if absent(err) {
		if err := d.makeDirs(filepath.Dir(path)); err != nil {
			return err
		}
		err = d.mkdir(path, 0o777)
	}
	if err == nil {
		return d.syncDir(filepath.Dir(path))
	}
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		return nil // mkdir may have another complaint than that
	}
	return err
}
