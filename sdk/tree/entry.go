// Package tree is banger's flattened root filesystem: every path with its
// complete metadata, and where its contents lie. It reads and writes the
// public tree format of sdk/proto/tree.proto.
//
// Paths, names, targets and xattr values are raw bytes held in strings: no
// encoding is assumed anywhere. The values are plain data; they may be shared
// between goroutines as long as nobody changes them.
package tree

import (
	"crypto/sha256"
	"time"
)

// Type tells what an entry is. The numbers are those of the FileType enum in
// tree.proto.
type Type uint8

// The types of entries.
const (
	Regular     Type = 1
	Directory   Type = 2
	Symlink     Type = 3
	Hardlink    Type = 4 // a further name of an inode; see [Entry.Target]
	CharDevice  Type = 5
	BlockDevice Type = 6
	Fifo        Type = 7
)

// String returns the type's lower-case English name.
func (t Type) String() string {
	switch t {
	case Regular:
		return "file"
	case Directory:
		return "directory"
	case Symlink:
		return "symlink"
	case Hardlink:
		return "hardlink"
	case CharDevice:
		return "character device"
	case BlockDevice:
		return "block device"
	case Fifo:
		return "fifo"
	}
	return "unknown"
}

// Valid reports whether t is one of the types above.
func (t Type) Valid() bool { return t >= Regular && t <= Fifo }

// Time is a point in time with the whole range that PAX headers can say: Sec
// seconds since 1970 UTC, negative before it, plus Nsec (0 to 999 999 999)
// nanoseconds.
type Time struct {
	Sec  int64
	Nsec uint32
}

// Time converts t to a time.Time in UTC.
func (t Time) Time() time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// Xattr is an extended attribute with its full name, such as
// "security.capability".
type Xattr struct {
	Name  string
	Value string
}

// Extent places Length bytes of a file at Offset in the pack of a layer.
type Extent struct {
	Offset     int64 // in the file
	Layer      int   // index into [Tree.Layers]
	PackOffset int64 // in that layer's pack
	Length     int64
}

// Entry is one path of a tree.
type Entry struct {
	Path     string // relative to the root, which is ""
	Type     Type
	Mode     uint32 // the twelve permission bits, 07777
	UID, GID uint32
	MTime    Time
	Xattrs   []Xattr // sorted by name, each name once
	// Target of a symlink, verbatim; for a Hardlink the Path of the inode's
	// first name in path order, the one entry that carries the attributes.
	Target             string
	DevMajor, DevMinor uint32
	Links              uint32 // names of the inode; 0 and 1 both mean one
	Size               int64  // of a Regular file, holes included
	SHA256             [sha256.Size]byte
	Extents            []Extent // sorted by Offset; gaps are holes
}

// DataSize returns the bytes of e's content that are not holes.
func (e *Entry) DataSize() int64 {
	var n int64
	for _, x := range e.Extents {
		n += x.Length
	}
	return n
}
