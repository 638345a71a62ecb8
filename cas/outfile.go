package cas

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// outFile is a file that takes the place of target when it is complete. Until
// then it has no name at all where the filesystem has O_TMPFILE, and else a
// hidden one beside target. Its flock tells it from what the dead left.
type outFile struct {
	disk   *disk
	f      *os.File
	target string
	temp   string // its hidden name, "" while it has none
}

// outTemp stands between the target's name and a random end in a hidden name.
const outTemp = ".banger-"

func newOutFile(d *disk, target string) (*outFile, error) {
	removeStale(target)
	o := &outFile{disk: d, target: target}
	f, err := d.tmpfile(filepath.Dir(target))
	if err == nil && linkable(f) {
		_ = flock(f, unix.LOCK_EX|unix.LOCK_NB) // free: nobody else can reach f
		o.f = f
		return o, nil
	}
	if err == nil {
		_ = f.Close()
	}
	// No O_TMPFILE here; a real error comes again with the hidden name.
	return o, o.openHidden()
}

// openHidden creates the file under its hidden name.
func (o *outFile) openHidden() error {
	for range maxTries {
		temp := hiddenName(o.target)
		f, err := o.disk.create(temp)
		if err != nil {
			return err
		}
		// Another copy to the same target may take f for stale as long as it is
		// not locked. Where there are no locks nobody ever does.
		if !errors.Is(flock(f, unix.LOCK_EX|unix.LOCK_NB), errHeld) && current(f, temp) {
			o.f, o.temp = f, temp
			return nil
		}
		_ = f.Close()
		_ = os.Remove(temp)
	}
	return fmt.Errorf("create a temporary file beside %s: %w", o.target, errHeld)
}

// commit gives the file its name.
func (o *outFile) commit(fsync bool) error {
	if fsync {
		if err := o.disk.sync(o.f); err != nil {
			return err
		}
	}
	if err := o.flush(); err != nil {
		return err
	}
	if o.temp == "" {
		temp := hiddenName(o.target)
		if err := o.disk.link(o.f, temp); err != nil {
			return err
		}
		o.temp = temp
	}
	if err := o.place(); err != nil {
		return err
	}
	if fsync {
		return o.disk.syncDir(filepath.Dir(o.target))
	}
	return nil
}

// place puts the file at its target. An older file there changes places with
// it and is removed, which is a rename in two steps, atomic for the target:
// ext4 writes a file to disk before it is renamed over another one
// (auto_da_alloc, ext4(5)), and that takes longer than the whole copy.
func (o *outFile) place() error {
	if info, err := os.Lstat(o.target); err == nil && info.Mode().IsRegular() && o.disk.exchange(o.temp, o.target) == nil {
		old := o.temp
		o.temp = ""
		if err := os.Remove(old); err != nil {
			return fmt.Errorf("remove what was replaced: %w", err)
		}
		return nil
	}
	if err := o.disk.rename(o.temp, o.target, true); err != nil {
		return err
	}
	o.temp = ""
	return nil
}

// flush closes a duplicate of the file, which is when some filesystems tell
// of failed writes, while the file itself stays open and locked.
func (o *outFile) flush() error {
	fd, err := unix.FcntlInt(o.f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	return o.disk.close(os.NewFile(uintptr(fd), o.f.Name()))
}

// abort closes the file and removes what has not been committed.
func (o *outFile) abort() {
	if o.temp != "" {
		_ = os.Remove(o.temp)
		o.temp = ""
	}
	_ = o.f.Close()
}

// hiddenName returns a new hidden name beside target.
func hiddenName(target string) string {
	return filepath.Join(filepath.Dir(target), hiddenPrefix(target)+rand.Text())
}

// hiddenPrefix leaves room for the random end in names of at most 255 bytes.
func hiddenPrefix(target string) string {
	base := filepath.Base(target)
	return "." + base[:min(len(base), 200)] + outTemp
}

// removeStale removes the hidden files for target that belong to the caller
// and that nobody holds any more.
func removeStale(target string) {
	dir, err := os.Open(filepath.Dir(target))
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }()
	prefix := hiddenPrefix(target)
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			end, ok := strings.CutPrefix(name, prefix)
			if ok && len(end) == len(rand.Text()) {
				removeIfStale(filepath.Join(dir.Name(), name))
			}
		}
		if err != nil { // io.EOF, or nothing that a copy should fail for
			return
		}
	}
}

func removeIfStale(path string) {
	f, info, err := openRegular(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(st.Uid) == os.Geteuid() && flock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.Remove(path)
	}
}

// maxTries is how often a file is created anew because someone else is
// removing the ones before.
const maxTries = 10

// maxLinks is how many symlinks may lead to a target, as many as Linux
// follows (path_resolution(7)).
const maxLinks = 40

// resolveTarget follows dst, when it is a symlink, to the name to be replaced
// or made, in a directory that is there, and refuses what is there and is no
// regular file.
func resolveTarget(dst string) (string, error) {
	for range maxLinks {
		dir, base := filepath.Split(dst)
		if base == "" && dir != "" {
			return "", ErrIsDirectory
		}
		info, err := os.Lstat(dst)
		switch {
		case absent(err) && base != "", err == nil && info.Mode().IsRegular():
			// Not filepath.Dir: "link/.." is not where it looks to be.
			dir, err = filepath.EvalSymlinks(dir + ".")
			return filepath.Join(dir, base), err
		case err != nil:
			return "", err
		case info.IsDir():
			return "", ErrIsDirectory
		case info.Mode()&fs.ModeSymlink == 0:
			return "", ErrNotRegular
		}
		link, err := os.Readlink(dst)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			link = dir + link
		}
		dst = link
	}
	return "", &fs.PathError{Op: "open", Path: dst, Err: unix.ELOOP}
}
