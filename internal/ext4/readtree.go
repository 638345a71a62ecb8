package ext4

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"banger/internal/xattr"
	"banger/sdk/tree"
)

// The bounds of ReadTree: more than any image has that banger makes.
const (
	mostNames = 1 << 24
	mostDepth = 4096
)

// ReadTree reads all that an image holds as a tree, without the extents of
// files: their contents are only hashed. What a tree has no type for, such as
// a socket, has type 0. A name that an index or a link count promises and no
// directory has is not missed; e2fsck does that.
func (m *Image) ReadTree(ctx context.Context) (*tree.Tree, error) {
	r := treeReader{Image: m, ctx: ctx, buf: make([]byte, 1<<20), dirs: make(map[uint32]bool), first: make(map[uint32]int)}
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("read image: %w", err)
	}
	return r.tree, nil
}

type treeReader struct {
	*Image
	ctx   context.Context
	buf   []byte
	tree  *tree.Tree
	found []place
	dirs  map[uint32]bool // inodes of directories that were read
	first map[uint32]int  // the entry that has the attributes of an inode with several names
}

// place is a name and its inode.
type place struct {
	path  string
	inode uint32
}

func (r *treeReader) read() error {
	for g := range r.super.groups() { // those of which no inode is used, too
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if _, err := r.table(g); err != nil {
			return err
		}
	}
	r.found = []place{{"", RootInode}}
	if err := r.names(place{"", RootInode}, 0); err != nil {
		return err
	}
	slices.SortFunc(r.found, func(a, b place) int { return cmp.Compare(a.path, b.path) })
	r.tree = &tree.Tree{Entries: make([]tree.Entry, 0, len(r.found))}
	for k, p := range r.found {
		if k > 0 && p.path == r.found[k-1].path {
			return fmt.Errorf("%w: %q is there twice", ErrFormat, "/"+p.path)
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.entry(p); err != nil {
			return fmt.Errorf("%q: %w", "/"+p.path, err)
		}
	}
	return nil
}

// names finds the names below a directory, of which each is read once.
func (r *treeReader) names(at place, depth int) error {
	dir, err := r.Inode(at.inode)
	if err != nil || dir.Mode&TypeMask != TypeDir {
		return err
	}
	if r.dirs[at.inode] || depth > mostDepth {
		return fmt.Errorf("%w: directory %q, inode %d, has several places", ErrFormat, "/"+at.path, at.inode)
	}
	r.dirs[at.inode] = true
	var subdirs []place
	err = r.EachName(&dir, func(d Dirent) error {
		if len(r.found) >= mostNames {
			return fmt.Errorf("%w: more than %d names", ErrFormat, mostNames)
		}
		p := place{d.Name, d.Inode}
		if at.path != "" {
			p.path = at.path + "/" + d.Name
		}
		r.found = append(r.found, p)
		if d.kind == dirKindDir {
			subdirs = append(subdirs, p)
		}
		return r.ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("%q: %w", "/"+at.path, err)
	}
	for _, d := range subdirs {
		if err := r.names(d, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// entry reads the inode of a name.
func (r *treeReader) entry(p place) error {
	if k, ok := r.first[p.inode]; ok {
		r.tree.Entries[k].Links++
		r.tree.Entries = append(r.tree.Entries, tree.Entry{Path: p.path, Type: tree.Hardlink, Target: r.tree.Entries[k].Path})
		return nil
	}
	i, err := r.Inode(p.inode)
	if err != nil {
		return err
	}
	e := tree.Entry{Path: p.path, Type: i.Type(), Mode: i.Mode &^ TypeMask, UID: i.UID, GID: i.GID, MTime: i.MTime, Links: 1}
	switch e.Type {
	case tree.Regular:
		e.Size = i.Size
		sum := sha256.New()
		if err = r.WriteContent(r.ctx, &i, sum, r.buf); err == nil {
			sum.Sum(e.SHA256[:0])
		}
	case tree.Symlink:
		e.Target, err = r.Readlink(&i)
	case tree.CharDevice, tree.BlockDevice:
		e.DevMajor, e.DevMinor = i.Device()
	}
	if err == nil {
		e.Xattrs, err = r.Xattrs(&i)
	}
	if e.Type != tree.Directory && i.Links > 1 {
		r.first[p.inode] = len(r.tree.Entries)
	}
	r.tree.Entries = append(r.tree.Entries, e)
	return err
}

// NormalXattrs returns xattrs in the form in which an image shows them: ACLs
// without ids where they have no meaning, all sorted by name.
func NormalXattrs(list []tree.Xattr) []tree.Xattr {
	list = slices.Clone(list)
	for i := range list {
		if x := &list[i]; xattr.IsACL(x.Name) {
			if disk, err := xattr.ACLToDisk(x.Value); err == nil {
				x.Value, _ = xattr.ACLFromDisk(disk)
			}
		}
	}
	slices.SortFunc(list, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list
}
