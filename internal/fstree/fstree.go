// Package fstree lists a directory of the host, such as a mounted image, a
// runtime's unpacked rootfs or an overlay, as records that can be compared
// with each other and with a tree.
//
// A listing holds what a tree holds: names as raw bytes, types, contents by
// SHA-256, owners, permission bits, modification times to the nanosecond,
// xattrs, device numbers, symlink targets, and which names share an inode. It
// does not hold where holes are, nor access and change times, nor sizes of
// directories. Names outside the listed directory that share an inode with
// one inside do not count.
package fstree

import (
	"crypto/sha256"
	"slices"
	"strings"

	"banger/sdk/tree"
)

// Record is one name. Ignored fields are zero.
type Record struct {
	Path         string    // relative to the listed directory, which is ""
	Type         tree.Type // never Hardlink
	Mode         uint32    // the twelve permission bits
	UID, GID     uint32
	MTime        tree.Time
	Xattrs       []tree.Xattr // sorted by name
	Target       string       // of a symlink
	Major, Minor uint32       // of a device
	Size         int64        // of a regular file
	SHA256       [sha256.Size]byte
	// Link is the first path, by bytes, of the names that share this one's
	// inode, if there are several in the listing. It is Path in the first.
	Link string
}

// Field is a set of fields of records.
type Field uint

// The fields that can be ignored.
const (
	Mode Field = 1 << iota
	Owner
	MTime
	Xattrs
	Content // the SHA-256: files are not read
	Links
)

// Options say what a listing leaves out. The same Options for two listings
// make them comparable. The zero value leaves out nothing.
type Options struct {
	// Skip lists paths that are left out with all below them, such as
	// "lost+found".
	Skip []string
	// SkipXattr reports whether the xattr of that name is left out. Nil
	// leaves out none: system.* is listed as the kernel lists it, so a POSIX
	// ACL counts as the xattr system.posix_acl_access, as it does in a tar.
	SkipXattr func(name string) bool
	// Ignore has these fields zero in all records.
	Ignore Field
	// Edit, if set, may change each record at the end, for exclusions that
	// are narrower than a field.
	Edit func(*Record)
}

// HostXattr is a SkipXattr that leaves out what a host adds to files by
// itself: SELinux labels and the marks of overlayfs.
func HostXattr(name string) bool {
	return name == "security.selinux" ||
		strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")
}

// skips reports whether path is one of o.Skip or below one.
func (o *Options) skips(path string) bool {
	return slices.ContainsFunc(o.Skip, func(s string) bool {
		return path == s || len(path) > len(s) && path[:len(s)] == s && path[len(s)] == '/'
	})
}

// finish sorts records, drops what o ignores and runs o.Edit.
func (o *Options) finish(list []Record) []Record {
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a.Path, b.Path) })
	for i := range list {
		o.drop(&list[i])
		if o.Edit != nil {
			o.Edit(&list[i])
		}
	}
	return list
}

func (o *Options) drop(r *Record) {
	if o.SkipXattr != nil {
		r.Xattrs = slices.DeleteFunc(r.Xattrs, func(x tree.Xattr) bool { return o.SkipXattr(x.Name) })
	}
	has := func(f Field) bool { return o.Ignore&f != 0 }
	if has(Mode) {
		r.Mode = 0
	}
	if has(Owner) {
		r.UID, r.GID = 0, 0
	}
	if has(MTime) {
		r.MTime = tree.Time{}
	}
	if has(Xattrs) {
		r.Xattrs = nil
	}
	if has(Content) {
		r.SHA256 = [sha256.Size]byte{}
	}
	if has(Links) {
		r.Link = ""
	}
}

// FromTree lists t, which must be valid, as a filesystem that holds all of it
// would be listed: further names of an inode have its attributes, too.
func FromTree(t *tree.Tree, o Options) []Record {
	list := make([]Record, 0, len(t.Entries))
	inodes := map[string]Record{} // those with several names, by their first
	names := map[string][]int{}
	for i := range t.Entries {
		e := &t.Entries[i]
		r, inode := fromEntry(e), e.Path
		if e.Type == tree.Hardlink {
			inode = e.Target
			r = inodes[inode]
			r.Path, r.Xattrs = e.Path, slices.Clone(r.Xattrs)
		} else if e.Links > 1 {
			inodes[inode] = r
		}
		if o.skips(e.Path) {
			continue
		}
		if r.Type != tree.Directory {
			names[inode] = append(names[inode], len(list))
		}
		list = append(list, r)
	}
	for _, at := range names {
		link(list, at)
	}
	return o.finish(list)
}

// link sets Link in the records at the given indices, which share an inode.
func link(list []Record, at []int) {
	if len(at) < 2 {
		return
	}
	first := list[at[0]].Path
	for _, i := range at {
		first = min(first, list[i].Path)
	}
	for _, i := range at {
		list[i].Link = first
	}
}

func fromEntry(e *tree.Entry) Record {
	return Record{
		Path: e.Path, Type: e.Type, Mode: e.Mode, UID: e.UID, GID: e.GID, MTime: e.MTime,
		Xattrs: slices.Clone(e.Xattrs), Target: e.Target, Major: e.DevMajor, Minor: e.DevMinor,
		Size: e.Size, SHA256: e.SHA256,
	}
}
