package mkfserofs

import (
	"banger/internal/xattr"
	"banger/sdk/tree"
)

// The xattrs of an inode follow it: a header that counts shared ones, of which
// there are none, and entries of a name, a value, and up to three zeros.
const (
	xattrHeader = 12
	xattrEntry  = 4

	maxXattrValue = 1<<16 - 1                 // e_value_size
	maxXattrs     = xattrHeader + (1<<16-2)*4 // i_xattr_icount
	maxXattrNames = 1 << 16                   // XATTR_LIST_MAX: what listxattr(2) shows, with a NUL for each
)

// lostXattr is an xattr that an inode cannot have.
type lostXattr struct {
	tree.Xattr
	why string
}

// fitXattrs decides which of e's xattrs its inode has: each in turn that there
// is room for.
func fitXattrs(e *tree.Entry) (kept []xattr.Stored, lost []lostXattr) {
	size, names := xattrHeader, 0
	for i := range e.Xattrs {
		x := &e.Xattrs[i]
		s, why := xattr.Store(e.Type, x)
		switch {
		case why != "":
		case len(s.Shown) > maxXattrValue:
			why = "a value in erofs has at most 65535 bytes"
		case size+xattrSize(&s) > maxXattrs:
			why = "the extended attributes of an erofs inode have room for 256 KiB"
		case names+len(x.Name)+1 > maxXattrNames:
			why = "Linux lists at most 64 KiB of names"
		}
		if why != "" {
			lost = append(lost, lostXattr{*x, why})
			continue
		}
		size += xattrSize(&s)
		names += len(x.Name) + 1
		kept = append(kept, s)
	}
	return kept, lost
}

// xattrSize is the room that an entry takes.
func xattrSize(s *xattr.Stored) int { return (xattrEntry + len(s.Rest) + len(s.Shown) + 3) &^ 3 }

// xattrsSize is the room that e's xattrs take after its inode.
func xattrsSize(e *tree.Entry) int64 {
	if len(e.Xattrs) == 0 {
		return 0
	}
	kept, _ := fitXattrs(e)
	if len(kept) == 0 {
		return 0
	}
	size := xattrHeader
	for i := range kept {
		size += xattrSize(&kept[i])
	}
	return int64(size)
}

// xattrCount is i_xattr_icount of so many bytes of xattrs.
func xattrCount(size int32) uint16 {
	if size == 0 {
		return 0
	}
	return uint16((size-xattrHeader)/4 + 1)
}

// appendXattrs appends e's xattrs to its inode.
func appendXattrs(b []byte, e *tree.Entry) []byte {
	kept, _ := fitXattrs(e)
	if len(kept) == 0 {
		return b
	}
	b = append(b, make([]byte, xattrHeader)...)
	for _, s := range kept {
		b = append(b, uint8(len(s.Rest)), s.Index)
		b = le.AppendUint16(b, uint16(len(s.Shown)))
		b = append(append(b, s.Rest...), s.Shown...)
		b = append(b, make([]byte, -len(b)&3)...)
	}
	return b
}
