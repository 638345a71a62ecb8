package stage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Remove removes dir and all below it, whatever the modes of its directories
// are, as long as they belong to this process's user. It follows no symlink:
// a symlink dir is itself removed. That dir does not exist is no error.
//
// After an error as much as possible is gone, and Remove may be called again.
func Remove(dir string) error {
	dir = filepath.Clean(dir)
	err := unix.Unlink(dir)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	root, err := openForRemoval(unix.AT_FDCWD, dir)
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	defer unix.Close(root)
	r := remover{root: root}
	if err := r.clear(root, 0); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	if err := unix.Rmdir(dir); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}

// maxDepth is how deep a remover goes before it moves what lies deeper up to
// the root: each level holds a descriptor.
const maxDepth = 64

// remover empties the directory root.
type remover struct {
	root  int
	moved int // directories moved up
}

// clear removes everything in dir, which lies depth levels below the root. It
// goes on after an error and returns the first.
func (r *remover) clear(dir, depth int) error {
	for {
		names, err := readNames(dir)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if e := r.remove(dir, name, depth); err == nil {
				err = e
			}
		}
		if err != nil {
			return err
		}
	}
}

func (r *remover) remove(dir int, name string, depth int) error {
	err := unix.Unlinkat(dir, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	// Linux says EISDIR for a directory, POSIX and some filesystems EPERM.
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("unlink %q: %w", name, err)
	}
	fd, err := openForRemoval(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if depth == maxDepth {
		return r.moveUp(dir, name)
	}
	if err := r.clear(fd, depth+1); err != nil {
		return err
	}
	if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != nil {
		return fmt.Errorf("rmdir %q: %w", name, err)
	}
	return nil
}

// moveUp moves a directory to the root, whose clearing then comes across it.
func (r *remover) moveUp(dir int, name string) error {
	for {
		r.moved++
		err := unix.Renameat2(dir, name, r.root, fmt.Sprintf(".moved-%d", r.moved), unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return fmt.Errorf("move %q up: %w", name, err)
		}
		return nil
	}
}

// openForRemoval opens a directory and makes sure that its owner can list and
// change it.
func openForRemoval(dir int, name string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, name, flags, 0)
	if errors.Is(err, unix.EACCES) {
		if err := chmodDir(dir, name); err != nil {
			return -1, err
		}
		fd, err = unix.Openat(dir, name, flags, 0)
	}
	if err != nil {
		return -1, fmt.Errorf("open directory %q: %w", name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && st.Mode&0o700 != 0o700 {
		_ = unix.Fchmod(fd, 0o700) // a failure shows when it is emptied
	}
	return fd, nil
}

// chmodDir opens up a directory that cannot be opened, by a descriptor that
// only names it, so that no symlink put in its place is followed.
func chmodDir(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open directory %q: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), 0o700); err != nil {
		return fmt.Errorf("chmod %q: %w", name, err)
	}
	return nil
}

// readNames returns names of dir from its start, at most a few thousand.
func readNames(dir int) ([]string, error) {
	fd, err := unix.Dup(dir)
	if err != nil {
		return nil, fmt.Errorf("list directory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "staged directory")
	defer f.Close()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("list directory: %w", err)
	}
	names, err := f.Readdirnames(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("list directory: %w", err)
	}
	return names, nil
}
