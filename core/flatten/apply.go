package flatten

import (
	"fmt"
	"strings"

	"banger/sdk/tree"
)

// apply applies one entry onto the tree.
func (f *flattener) apply(e *tree.Entry) error {
	if err := f.admit(); err != nil {
		return err
	}
	n, err := f.parseName(e.Path)
	if err != nil {
		return err
	}
	switch n.kind {
	case metadata:
		return nil
	case whiteout, opaque:
		return f.applyWhiteout(n)
	}
	if err := checkEntry(e); err != nil {
		return err
	}
	if n.base == "" {
		return f.applyRoot(e)
	}
	parent, err := f.makeParent(n.parent, e.MTime)
	if err != nil {
		return err
	}
	return f.applyAt(parent, n.base, e)
}

// applyWhiteout hides n.base, or all that its parent holds. One that leads
// nowhere does nothing.
func (f *flattener) applyWhiteout(n name) error {
	at, err := f.resolve(n.parent)
	if err != nil || len(at.missing) > 0 {
		return err
	}
	if n.kind == opaque {
		f.purge(at.dir.dir)
	} else {
		f.hide(at.dir.dir, n.base)
	}
	return nil
}

func (f *flattener) applyRoot(e *tree.Entry) error {
	if e.Type != tree.Directory {
		return fmt.Errorf("%w: the root as a %s", ErrInvalid, e.Type)
	}
	f.touch(f.root, e.MTime)
	f.declare(f.root, e)
	return nil
}

// applyAt puts e at base in parent.
func (f *flattener) applyAt(parent *dir, base string, e *tree.Entry) error {
	switch e.Type {
	case tree.Directory:
		return f.applyDir(parent, base, e)
	case tree.Hardlink:
		return f.applyLink(parent, base, e)
	case tree.Symlink:
		if err := f.checkClimb(e.Target, parent.depth); err != nil {
			return err
		}
	case tree.CharDevice:
		if e.DevMajor == 0 && e.DevMinor == 0 {
			ino := f.newInode(e)
			f.warn(ino, "a character device 0:0, kept as it is: an overlayfs whiteout that leaked into the layer?")
			_, err := f.put(parent, base, ino)
			return err
		}
	}
	_, err := f.put(parent, base, f.newInode(e))
	return err
}

// applyDir makes base a directory, or merges with the one that stands there.
func (f *flattener) applyDir(parent *dir, base string, e *tree.Entry) error {
	n := parent.children[base]
	if n == nil || n.dir == nil {
		var err error
		if n, err = f.putDir(parent, base, &inode{typ: tree.Directory}); err != nil {
			return err
		}
	}
	n.layer = f.layer
	f.declare(n, e)
	return nil
}

// declare gives the directory n the attributes of its entry e.
func (f *flattener) declare(n *node, e *tree.Entry) {
	n.dir.declared = f.layer
	a := entryAttrs(e)
	n.ino.own = &a
}

// checkClimb refuses a symlink in a directory of the given depth whose
// relative target leaves the root when its components alone are counted.
func (f *flattener) checkClimb(target string, depth int) error {
	if f.opts.Contain || strings.HasPrefix(target, "/") || !climbs(target, depth) {
		return nil
	}
	return unsafe("symlink target %s climbs above the root", quote(target))
}

// checkEntry refuses entries that no filesystem could hold. What holds for
// every index that core/unpack writes is checked all the same where a tree
// would not be valid without it.
func checkEntry(e *tree.Entry) error {
	for i := range e.Xattrs {
		if e.Xattrs[i].Name == "" || strings.IndexByte(e.Xattrs[i].Name, 0) >= 0 {
			return fmt.Errorf("%w: an xattr named %q", ErrInvalid, e.Xattrs[i].Name)
		}
	}
	switch {
	case !e.Type.Valid():
		return fmt.Errorf("%w: file type %d", ErrInvalid, e.Type)
	case e.Mode > 0o7777:
		return fmt.Errorf("%w: mode %#o", ErrInvalid, e.Mode)
	case e.Type == tree.Symlink:
		return checkTarget(e.Target)
	case e.Type == tree.Regular:
		return checkExtents(e)
	}
	return nil
}

func checkTarget(target string) error {
	switch {
	case target == "" || strings.IndexByte(target, 0) >= 0:
		return fmt.Errorf("%w: symlink target %s", ErrInvalid, quote(target))
	case len(target) > maxPath:
		return limit("", "a symlink target of %d bytes, of at most %d", len(target), maxPath)
	}
	return nil
}

func checkExtents(e *tree.Entry) error {
	var end int64
	for _, x := range e.Extents {
		if x.Length <= 0 || x.Offset < end || x.Length > e.Size-x.Offset || x.PackOffset < 0 || x.PackOffset+x.Length < 0 {
			return fmt.Errorf("%w: an extent of %d bytes at %d in a file of %d", ErrInvalid, x.Length, x.Offset, e.Size)
		}
		end = x.Offset + x.Length
	}
	if e.Size < 0 {
		return fmt.Errorf("%w: a file of %d bytes", ErrInvalid, e.Size)
	}
	return nil
}
