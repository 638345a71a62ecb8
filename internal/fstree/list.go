package fstree

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"banger/sdk/tree"
)

// List lists dir and all below it, without following symlinks and without
// opening anything but directories and regular files. All of it must be
// readable: run as root for an image's own modes.
//
// It goes down by directory handles, one a level, so that no path is too
// long for the kernel.
func List(ctx context.Context, dir string, o Options) ([]Record, error) {
	l := &lister{ctx: ctx, o: o, inodes: map[inode]*names{}}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	if err := l.root(os.NewFile(uintptr(fd), dir)); err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, n := range l.inodes {
		link(l.list, n.at)
	}
	return o.finish(l.list), nil
}

type lister struct {
	ctx    context.Context
	o      Options
	list   []Record
	inodes map[inode]*names
}

// inode tells inodes of one or more filesystems apart.
type inode struct{ dev, ino uint64 }

// names are the records that share an inode, and its content.
type names struct {
	at     []int
	sha256 [sha256.Size]byte
}

// root lists d, which it closes, as "".
func (l *lister) root(d *os.File) error {
	r := Record{}
	var st unix.Stat_t
	err := unix.Fstat(int(d.Fd()), &st)
	if err == nil {
		r.fill(&st)
		r.Xattrs, err = xattrs(procPath(d, "."))
	}
	l.list = append(l.list, r)
	return errors.Join(err, l.children(d, ""))
}

// children lists what is in d, which it closes.
func (l *lister) children(d *os.File, path string) error {
	defer func() { _ = d.Close() }()
	for {
		list, err := d.Readdirnames(4096)
		for _, name := range list {
			full := name
			if path != "" {
				full = path + "/" + name
			}
			if l.o.skips(full) {
				continue
			}
			if err := l.entry(d, name, full); err != nil {
				return fmt.Errorf("%q: %w", full, err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read directory %q: %w", path, err)
		}
	}
}

// entry lists name in d, and all below it.
func (l *lister) entry(d *os.File, name, path string) error {
	if err := l.ctx.Err(); err != nil {
		return context.Cause(l.ctx)
	}
	var st unix.Stat_t
	if err := unix.Fstatat(int(d.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	r := Record{Path: path}
	if !r.fill(&st) {
		return fmt.Errorf("file type %#o, which a tree cannot hold", st.Mode&unix.S_IFMT)
	}
	var err error
	if r.Xattrs, err = xattrs(procPath(d, name)); err != nil {
		return err
	}
	if err := l.addInode(d, name, &st, &r); err != nil {
		return err
	}
	l.list = append(l.list, r)
	if r.Type != tree.Directory {
		return nil
	}
	sub, err := openAt(d, name, unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	return l.children(sub, path)
}

// addInode fills in what all names of an inode share and notes the name.
func (l *lister) addInode(d *os.File, name string, st *unix.Stat_t, r *Record) (err error) {
	id := inode{uint64(st.Dev), st.Ino} //nolint:unconvert // macOS has 32 bits
	known := l.inodes[id]
	switch {
	case r.Type == tree.Symlink:
		r.Target, err = os.Readlink(procPath(d, name))
	case r.Type == tree.Regular && known != nil:
		r.SHA256 = known.sha256
	case r.Type == tree.Regular && l.o.Ignore&Content == 0:
		r.SHA256, err = l.hash(d, name)
	}
	if err != nil || r.Type == tree.Directory || st.Nlink < 2 {
		return err
	}
	if known == nil {
		known = &names{sha256: r.SHA256}
		l.inodes[id] = known
	}
	known.at = append(known.at, len(l.list))
	return nil
}

// hash reads the regular file name in d.
func (l *lister) hash(d *os.File, name string) (sum [sha256.Size]byte, err error) {
	f, err := openAt(d, name, unix.O_NONBLOCK)
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	for l.ctx.Err() == nil {
		if _, err := io.CopyN(h, f, 16<<20); errors.Is(err, io.EOF) {
			return [sha256.Size]byte(h.Sum(nil)), nil
		} else if err != nil {
			return sum, fmt.Errorf("read: %w", err)
		}
	}
	return sum, context.Cause(l.ctx)
}

func openAt(d *os.File, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(d.Fd()), name, flags|unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// fill sets what a stat tells and reports whether a tree knows the type.
func (r *Record) fill(st *unix.Stat_t) bool {
	r.Mode, r.UID, r.GID = uint32(st.Mode)&0o7777, st.Uid, st.Gid //nolint:unconvert // macOS has 16 bits
	r.MTime = tree.Time{Sec: st.Mtim.Sec, Nsec: uint32(st.Mtim.Nsec)}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		r.Type, r.Size = tree.Regular, st.Size
	case unix.S_IFDIR:
		r.Type = tree.Directory
	case unix.S_IFLNK:
		r.Type = tree.Symlink
	case unix.S_IFIFO:
		r.Type = tree.Fifo
	case unix.S_IFCHR, unix.S_IFBLK:
		r.Type = tree.CharDevice
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			r.Type = tree.BlockDevice
		}
		rdev := uint64(st.Rdev) //nolint:unconvert // macOS has 32 bits
		r.Major, r.Minor = unix.Major(rdev), unix.Minor(rdev)
	}
	return r.Type != 0
}

// xattrs reads the xattrs of path, of a symlink itself, sorted by name.
func xattrs(path string) ([]tree.Xattr, error) {
	names, err := sized(func(b []byte) (int, error) { return unix.Llistxattr(path, b) })
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var out []tree.Xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		value, err := sized(func(b []byte) (int, error) { return unix.Lgetxattr(path, name, b) })
		if err != nil {
			return nil, fmt.Errorf("xattr %q: %w", name, err)
		}
		out = append(out, tree.Xattr{Name: name, Value: string(value)})
	}
	slices.SortFunc(out, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// sized calls read with a buffer that is large enough: 64 KiB are what the
// kernel allows. A filesystem without xattrs has none.
func sized(read func([]byte) (int, error)) ([]byte, error) {
	n, err := read(nil)
	if n == 0 || err != nil {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return nil, err
	}
	buf := make([]byte, 1<<16)
	n, err = read(buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}
