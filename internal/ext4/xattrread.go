package ext4

import (
	"fmt"
	"slices"
	"strings"

	"banger/internal/xattr"
	"banger/sdk/tree"
)

const (
	xattrMagic       = 0xea020000
	xattrBlockHeader = 32
	xattrEntry       = 16
)

// Xattrs returns an inode's extended attributes, sorted by name, ACLs in the
// form that getxattr(2) shows.
func (m *Image) Xattrs(i *Inode) ([]tree.Xattr, error) {
	var list []tree.Xattr
	var err error
	if len(i.extra) >= 4 && u32(i.extra, 0) == xattrMagic {
		values := i.extra[4:]
		if list, err = appendXattrs(list, values, values); err != nil {
			return nil, fmt.Errorf("read xattrs of inode %d: %w", i.Number, err)
		}
	}
	if i.xattrBlock != 0 {
		b, err := m.block(i.xattrBlock)
		if err == nil {
			err = m.checkXattrBlock(i.xattrBlock, b)
		}
		if err == nil {
			list, err = appendXattrs(list, b[xattrBlockHeader:], b)
		}
		if err != nil {
			return nil, fmt.Errorf("read xattrs of inode %d, block %d: %w", i.Number, i.xattrBlock, err)
		}
	}
	slices.SortFunc(list, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (m *Image) checkXattrBlock(n uint64, b []byte) error {
	if u32(b, 0) != xattrMagic || u32(b, 8) != 1 {
		return fmt.Errorf("%w: no xattr magic", ErrFormat)
	}
	f := format{seed: m.super.seed}
	if m.super.csum && f.xattrChecksum(n, b) != u32(b, 16) {
		return fmt.Errorf("%w: wrong checksum", ErrFormat)
	}
	return nil
}

// appendXattrs parses entries up to the zero that ends them; offsets of
// values count from the beginning of values.
func appendXattrs(list []tree.Xattr, entries, values []byte) ([]tree.Xattr, error) {
	for len(entries) >= 4 && u32(entries, 0) != 0 {
		if len(entries) < xattrEntry || len(entries) < xattrEntry+int(entries[0]) {
			return nil, fmt.Errorf("%w: bad xattr entry", ErrFormat)
		}
		rest := string(entries[xattrEntry:][:entries[0]])
		name, ok := xattr.Name(entries[1], rest)
		if !ok {
			name = fmt.Sprintf("index %d.%s", entries[1], rest)
		}
		at, size := int64(u16(entries, 2)), int64(u32(entries, 8))
		if u32(entries, 4) != 0 {
			return nil, fmt.Errorf("%w: xattr %q has its value in an inode of its own", ErrUnsupported, name)
		}
		if at+size > int64(len(values)) {
			return nil, fmt.Errorf("%w: xattr %q has its value elsewhere", ErrFormat, name)
		}
		value := string(values[at : at+size])
		if xattr.IsACL(name) {
			var err error
			if value, err = xattr.ACLFromDisk(value); err != nil {
				return nil, fmt.Errorf("%w: xattr %q: %w", ErrFormat, name, err)
			}
		}
		list = append(list, tree.Xattr{Name: name, Value: value})
		entries = entries[min(len(entries), (xattrEntry+len(rest)+3)&^3):]
	}
	return list, nil
}
