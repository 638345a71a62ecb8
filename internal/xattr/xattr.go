// Package xattr is what Linux makes of extended attributes, xattr(7): which it
// takes on what, the numbers that ext4 and erofs store for namespaces, and the
// two forms of POSIX ACLs.
package xattr

import (
	"strings"

	"banger/sdk/tree"
)

// maxName is XATTR_NAME_MAX, the longest name that the kernel shows, in bytes.
const maxName = 255

// ACLAccess and ACLDefault are the xattrs that are POSIX ACLs, acl(5).
const (
	ACLAccess  = "system.posix_acl_access"
	ACLDefault = "system.posix_acl_default"
)

// prefixes are the names' beginnings that are stored as a number
// (fs/ext4/xattr.h, fs/erofs/erofs_fs.h).
var prefixes = [...]struct {
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

// Name returns the full name of an xattr that is stored as a number and the
// rest of its name; not ok for a number that Linux does not show.
func Name(index uint8, rest string) (name string, ok bool) {
	for _, p := range prefixes {
		if p.index == index && (rest == "") == p.whole {
			return p.prefix + rest, true
		}
	}
	return "", false
}

// split returns what is stored of a name.
func split(name string) (index uint8, rest string, ok bool) {
	for _, p := range prefixes {
		if rest, ok = strings.CutPrefix(name, p.prefix); ok && (rest == "") == p.whole {
			return p.index, rest, true
		}
	}
	return 0, "", false
}

// Stored is an xattr as it is stored.
type Stored struct {
	Index uint8
	Rest  string // of the name
	Shown string // the value as getxattr(2) will show it
}

// Store returns how x is stored with an inode of type t, or why Linux would
// not show it there.
func Store(t tree.Type, x *tree.Xattr) (s Stored, why string) {
	index, rest, ok := split(x.Name)
	s = Stored{index, rest, x.Value}
	switch {
	case !ok:
		return s, "Linux filesystems have no such namespace"
	case len(x.Name) > maxName || strings.IndexByte(x.Name, 0) >= 0:
		return s, "Linux takes names of at most 255 bytes"
	case strings.HasPrefix(x.Name, "user.") && t != tree.Regular && t != tree.Directory:
		return s, "Linux has user xattrs on files and directories only"
	case x.Name == ACLAccess && t == tree.Symlink, x.Name == ACLDefault && t != tree.Directory:
		return s, "a " + t.String() + " cannot have this ACL"
	case IsACL(x.Name):
		disk, err := ACLToDisk(x.Value)
		if err == nil {
			s.Shown, err = ACLFromDisk(disk)
		}
		if err != nil {
			return s, "the value is " + err.Error()
		}
	}
	return s, ""
}

// IsACL reports whether the xattr of that name is a POSIX ACL.
func IsACL(name string) bool { return name == ACLAccess || name == ACLDefault }
