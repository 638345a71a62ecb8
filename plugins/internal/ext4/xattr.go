package ext4

import (
	"strings"

	"banger/sdk/tree"
)

// The two places for the xattrs of an inode: what is left of its 256 bytes
// after the fields (32 of them beyond the classic 128), a magic number and a
// final zero; and one block less its header and a final zero.
const (
	xattrInode = InodeSize - 128 - 32 - 4 - 4
	xattrBlock = BlockSize - 32 - 4
)

// maxXattrName is XATTR_NAME_MAX, the longest name that the kernel shows.
const maxXattrName = 255

// ACLAccess and ACLDefault are the two xattrs whose form on disk differs from
// what getxattr(2) shows.
const (
	ACLAccess  = "system.posix_acl_access"
	ACLDefault = "system.posix_acl_default"
)

// xattrPrefixes are the names' beginnings that ext4 stores as a number.
var xattrPrefixes = [...]struct {
	index  uint8
	prefix string
	whole  bool // the prefix is all of the name
}{
	{1, "user.", false},
	{2, ACLAccess, true},
	{3, ACLDefault, true},
	{4, "trusted.", false},
	{6, "security.", false},
}

// XattrName returns the full name of an xattr that is stored as a number and
// the rest of its name; not ok for a number that Linux does not show.
func XattrName(index uint8, rest string) (name string, ok bool) {
	for _, p := range xattrPrefixes {
		if p.index == index && (rest == "") == p.whole {
			return p.prefix + rest, true
		}
	}
	return "", false
}

// xattrRest returns what is stored of a name.
func xattrRest(name string) (rest string, ok bool) {
	for _, p := range xattrPrefixes {
		if rest, ok = strings.CutPrefix(name, p.prefix); ok && (rest == "") == p.whole {
			return rest, true
		}
	}
	return "", false
}

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
	inode, block := xattrInode, xattrBlock
	for _, x := range e.Xattrs {
		size, value, why := storedXattr(e.Type, x)
		switch {
		case why == "" && size <= inode:
			inode -= size
		case why == "" && size <= block:
			block -= size
			fit.Block = true
		case why == "":
			why = "the extended attributes of an ext4 inode have room for about 4 KiB"
			fallthrough
		default:
			fit.Lost = append(fit.Lost, LostXattr{x.Name, x.Value, why})
			continue
		}
		fit.Kept = append(fit.Kept, tree.Xattr{Name: x.Name, Value: value})
	}
	return fit
}

// storedXattr returns the room in bytes that x takes and the value as
// getxattr(2) will show it, or why an inode of type t cannot have it.
func storedXattr(t tree.Type, x tree.Xattr) (size int, value, why string) {
	rest, ok := xattrRest(x.Name)
	if !ok {
		return 0, "", "ext4 has no such namespace"
	}
	if len(x.Name) > maxXattrName || strings.IndexByte(x.Name, 0) >= 0 {
		return 0, "", "Linux takes names of at most 255 bytes"
	}
	if strings.HasPrefix(x.Name, "user.") && t != tree.Regular && t != tree.Directory {
		return 0, "", "Linux has user xattrs on files and directories only"
	}
	disk := x.Value
	if x.Name == ACLAccess || x.Name == ACLDefault {
		if t == tree.Symlink || x.Name == ACLDefault && t != tree.Directory {
			return 0, "", "a " + t.String() + " cannot have this ACL"
		}
		var err error
		if disk, err = aclToDisk(x.Value); err != nil {
			return 0, "", "the value is " + err.Error()
		}
		if x.Value, err = ACLFromDisk(disk); err != nil {
			return 0, "", "the value is " + err.Error()
		}
	}
	return (16+len(rest)+3)&^3 + (len(disk)+3)&^3, x.Value, ""
}
