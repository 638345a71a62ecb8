package flatten

import (
	"fmt"

	"banger/sdk/tree"
)

// node is a name in the tree.
type node struct {
	ino   *inode
	dir   *dir  // nil unless the inode is a directory
	layer int32 // the last layer that put this name here, or anything below it
}

// dir is what a directory has beside its attributes.
type dir struct {
	self     *node // whose directory it is
	parent   *node // nil for the root
	children map[string]*node
	depth    int       // components of its path
	pathLen  int       // bytes of its path
	declared int32     // the last layer that has an entry for it
	purged   int32     // the last layer that left nothing of lower ones in it
	needed   tree.Time // mtime of the first entry of node.layer that needed it
}

// attrs are the attributes that every inode has.
type attrs struct {
	mode, uid, gid uint32
	mtime          tree.Time
	xattrs         []tree.Xattr // an entry's own until ownXattrs says otherwise
	ownXattrs      bool
	addedNames     int // bytes of xattr names that hardlinks have added
}

// attrs returns the attributes of i.
func (i *inode) attrs() attrs {
	if i.own != nil {
		return *i.own
	}
	return entryAttrs(i.body)
}

// owned returns the attributes of i to be changed.
func (i *inode) owned() *attrs {
	if i.own == nil {
		a := entryAttrs(i.body)
		i.own = &a
	}
	return i.own
}

// inode is what names share. A pending one stands for the target of a
// hardlink that has not been found yet.
type inode struct {
	typ     tree.Type   // 0 while it is pending
	body    *tree.Entry // contents, symlink target, device; nil if no entry made it
	layer   int32       // of body
	own     *attrs      // those that are not as body has them; nil if all are
	forward *inode      // once a pending one is settled
	settled state
	emitted int // index of its first name in the tree, plus one
}

// real returns the inode that i has turned out to be.
func (i *inode) real() *inode {
	for i.forward != nil {
		i = i.forward
	}
	return i
}

// impliedMode is the mode of directories that no entry declares.
const impliedMode = 0o755

func newRoot() *node {
	root := &node{ino: &inode{typ: tree.Directory, own: &attrs{mode: impliedMode}}}
	root.dir = &dir{self: root, children: map[string]*node{}}
	return root
}

// newInode makes the inode of an entry that is no hardlink.
func (f *flattener) newInode(e *tree.Entry) *inode {
	return &inode{typ: e.Type, body: e, layer: f.layer}
}

func entryAttrs(e *tree.Entry) attrs {
	a := attrs{mode: e.Mode, uid: e.UID, gid: e.GID, mtime: e.MTime, xattrs: e.Xattrs}
	if e.Type == tree.Symlink {
		a.mode = symlinkMode
	}
	return a
}

// symlinkMode is what symlink(7) gives every symlink.
const symlinkMode = 0o777

// put makes base in parent a name of ino, replacing what stood there. The
// name is this layer's afterwards.
func (f *flattener) put(parent *dir, base string, ino *inode) (*node, error) {
	if old := parent.children[base]; old != nil {
		f.lastDir = nil
		old.ino, old.dir, old.layer = ino, nil, f.layer
		return old, nil
	}
	if err := f.admitDepth(parent.depth + 1); err != nil {
		return nil, err
	}
	if n := parent.lengthOf(base); n > maxPath {
		return nil, limit("", "a path of %d bytes, of at most %d", n, maxPath)
	}
	n := &node{ino: ino, layer: f.layer}
	parent.children[base] = n
	return n, nil
}

// lengthOf returns the bytes of base's path in d.
func (d *dir) lengthOf(base string) int {
	if d.parent == nil {
		return len(base)
	}
	return d.pathLen + 1 + len(base)
}

// putDir makes base in parent a new, empty directory with ino's attributes.
func (f *flattener) putDir(parent *dir, base string, ino *inode) (*node, error) {
	n, err := f.put(parent, base, ino)
	if err != nil {
		return nil, err
	}
	n.dir = &dir{
		self: n, parent: parent.self, children: map[string]*node{},
		depth: parent.depth + 1, pathLen: parent.lengthOf(base),
	}
	return n, nil
}

// imply makes base in parent a directory that no entry declares.
func (f *flattener) imply(parent *dir, base string, mtime tree.Time) (*node, error) {
	if err := f.admit(); err != nil {
		return nil, err
	}
	if len(base) > maxName {
		return nil, limit("", "a name of %d bytes, of at most %d, in a symlink's target", len(base), maxName)
	}
	n, err := f.putDir(parent, base, &inode{typ: tree.Directory})
	if err != nil {
		return nil, fmt.Errorf("make its parent: %w", err)
	}
	n.dir.needed = mtime
	n.undeclare()
	return n, nil
}

// undeclare gives n the attributes of a directory that no entry declares.
func (n *node) undeclare() {
	n.ino.own = &attrs{mode: impliedMode, mtime: n.dir.needed}
}

// touch notes that this layer has put something with the given mtime into n:
// n and all above it are this layer's too.
func (f *flattener) touch(n *node, mtime tree.Time) {
	for n != nil && n.layer != f.layer {
		n.layer = f.layer
		n.dir.needed = mtime
		n = n.dir.parent
	}
}

// hide removes what lower layers put at base in parent.
func (f *flattener) hide(parent *dir, base string) {
	n := parent.children[base]
	switch {
	case n == nil:
	case n.layer != f.layer:
		f.lastDir = nil
		delete(parent.children, base)
	case n.dir != nil:
		if n.dir.declared != f.layer {
			n.undeclare()
		}
		f.purge(n.dir)
	}
}

// purge removes what lower layers put below d. All work is done once a layer
// and directory, however often a layer asks for it.
func (f *flattener) purge(d *dir) {
	if d.purged == f.layer {
		return
	}
	d.purged = f.layer
	for base := range d.children {
		f.hide(d, base)
	}
}
