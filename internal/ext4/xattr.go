package ext4

import (
	"banger/internal/xattr"
	"banger/sdk/tree"
)

// The two places for the xattrs of an inode: what is left of its 256 bytes
// after the fields (32 of them beyond the classic 128), a magic number and a
// final zero; and one block less its header and a final zero.
const (
	xattrInode = InodeSize - 128 - 32 - 4 - 4
	xattrBlock = BlockSize - 32 - 4
)

// LostXattr is one xattr of an entry that ext4 cannot hold.
type LostXattr struct {
	Name, Value, Why string
}

// XattrFit is what becomes of an entry's xattrs.
type XattrFit struct {
	Kept  []tree.Xattr // ACLs in the form that getxattr(2) will show
	Lost  []LostXattr
	Block bool // they take a block besides the inode
}

// FitXattrs decides which of e's xattrs its inode can hold. Like libext2fs,
// it gives each in turn a place in the inode if there is room, else in the
// block; what finds none is lost, and later ones may still fit.
func FitXattrs(e *tree.Entry) XattrFit {
	var fit XattrFit
	for i, p := range placeXattrs(e) {
		x := e.Xattrs[i]
		if p.why != "" {
			fit.Lost = append(fit.Lost, LostXattr{x.Name, x.Value, p.why})
			continue
		}
		fit.Kept = append(fit.Kept, tree.Xattr{Name: x.Name, Value: p.shown})
		fit.Block = fit.Block || p.block
	}
	return fit
}

// storedXattr is an xattr as it is stored, or why it is not.
type storedXattr struct {
	index uint8
	rest  string // of the name
	value string // in the form of the disk
	shown string // as getxattr(2) will show it
	block bool   // not in the inode
	why   string
}

// placeXattrs returns a place for each of e's xattrs.
func placeXattrs(e *tree.Entry) []storedXattr {
	list := make([]storedXattr, len(e.Xattrs))
	inode, block := xattrInode, xattrBlock
	for i := range e.Xattrs {
		s := storeXattr(e.Type, &e.Xattrs[i])
		switch size := s.size(); {
		case s.why != "":
		case size <= inode:
			inode -= size
		case size <= block:
			block -= size
			s.block = true
		default:
			s.why = "the extended attributes of an ext4 inode have room for about 4 KiB"
		}
		list[i] = s
	}
	return list
}

// size is the room in bytes that the xattr takes.
func (s *storedXattr) size() int { return xattrEntrySize(s.rest) + (len(s.value)+3)&^3 }

func xattrEntrySize(rest string) int { return (xattrEntry + len(rest) + 3) &^ 3 }

// storeXattr returns x as an inode of type t stores it.
func storeXattr(t tree.Type, x *tree.Xattr) storedXattr {
	stored, why := xattr.Store(t, x)
	s := storedXattr{index: stored.Index, rest: stored.Rest, value: stored.Shown, shown: stored.Shown, why: why}
	if why == "" && xattr.IsACL(x.Name) {
		s.value, _ = xattr.ACLToDisk(s.shown) // which is one, or it would have no place
	}
	return s
}
