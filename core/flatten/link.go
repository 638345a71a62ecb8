package flatten

import (
	"fmt"

	"banger/sdk/tree"
)

// link is a hardlink entry whose inode was pending when it was met.
type link struct {
	entry int
	ino   *inode
	owner bool   // ino was made for it
	depth int    // of the directory it stands in
	to    *inode // what an owner's target turned out to be
}

// state of a pending inode while a layer's links are settled.
type state uint8

const (
	unsettled state = iota
	settling
	settled
)

// applyLink makes base in parent a name of the inode at e's target. The
// target is looked up before what stood at base goes, so that a link to
// itself changes attributes only.
func (f *flattener) applyLink(parent *dir, base string, e *tree.Entry) error {
	target, err := f.linkTarget(e)
	if err != nil {
		return err
	}
	ino, owner := &inode{}, true
	if target != nil {
		ino, owner = target.ino.real(), false
	}
	if ino.typ == 0 {
		f.deferred = append(f.deferred, link{entry: f.entry, ino: ino, owner: owner, depth: parent.depth})
	} else if err := f.applyLinkAttrs(ino, e, parent.depth); err != nil {
		return err
	}
	_, err = f.put(parent, base, ino)
	return err
}

// linkTarget finds the node that e links to; nil if it is not there.
func (f *flattener) linkTarget(e *tree.Entry) (*node, error) {
	if climbs(e.Target, 0) {
		return nil, fmt.Errorf("%w: hardlink target %s leaves the root", ErrUnsafePath, quote(e.Target))
	}
	n, err := f.lookup(e.Target)
	if err != nil {
		return nil, fmt.Errorf("find hardlink target %s: %w", quote(e.Target), err)
	}
	if n != nil && n.dir != nil {
		return nil, fmt.Errorf("%w: its target %s is a directory", ErrHardlink, quote(e.Target))
	}
	return n, nil
}

// applyLinkAttrs applies the attributes of the link entry e, whose directory
// has the given depth, to the inode it names.
func (f *flattener) applyLinkAttrs(ino *inode, e *tree.Entry, depth int) error {
	a := ino.owned()
	if ino.typ == tree.Symlink {
		if err := f.checkClimb(ino.body.Target, depth); err != nil {
			return err
		}
	} else {
		a.mode = e.Mode
	}
	a.uid, a.gid, a.mtime = e.UID, e.GID, e.MTime
	return a.setXattrs(e.Xattrs)
}

// settleLinks finds the targets of the deferred links, now that all of the
// layer is there, and applies the links' attributes in the order of their
// entries.
func (f *flattener) settleLinks() error {
	if err := f.findTargets(); err != nil {
		return err
	}
	for _, l := range f.deferred {
		if l.owner {
			l.ino.forward = l.to
		}
	}
	entries := f.layers[f.layer-1].Entries
	for _, l := range f.deferred {
		e := &entries[l.entry]
		if !l.ino.settle() {
			return f.fail(l.entry, fmt.Errorf("%w: its target %s leads back to itself", ErrHardlink, quote(e.Target)))
		}
		if err := f.applyLinkAttrs(l.ino.forward, e, l.depth); err != nil {
			return f.fail(l.entry, err)
		}
	}
	f.deferred = nil
	return nil
}

// findTargets finds what the links that own a pending inode lead to, which
// may be pending too.
func (f *flattener) findTargets() error {
	entries := f.layers[f.layer-1].Entries
	for i := range f.deferred {
		l := &f.deferred[i]
		if !l.owner {
			continue
		}
		e := &entries[l.entry]
		n, err := f.linkTarget(e)
		if err == nil && n == nil {
			err = fmt.Errorf("%w: its target %s is missing", ErrHardlink, quote(e.Target))
		}
		if err != nil {
			return f.fail(l.entry, err)
		}
		l.to = n.ino
	}
	return nil
}

// settle makes i and all pending inodes on the way point at the inode at the
// way's end, and reports whether it has one.
func (i *inode) settle() bool {
	var way []*inode
	at := i
	for ; at.typ == 0 && at.settled == unsettled; at = at.forward {
		at.settled = settling
		way = append(way, at)
	}
	if at.settled == settling {
		return false
	}
	end := at.real()
	for _, p := range way {
		p.forward, p.settled = end, settled
	}
	return true
}
