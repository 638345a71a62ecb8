package ext4

import (
	"fmt"
)

const (
	extentMagic = 0xf30a
	extentSize  = 12 // of the header, too
	extentDepth = 5  // the deepest tree that 2^32 blocks need
	extentUnset = 1 << 15
)

// blocks returns the n blocks of a directory or a symlink in their order;
// neither has holes.
func (m *Image) blocks(i *Inode, n int64) ([]uint64, error) {
	if n > m.super.Blocks {
		return nil, fmt.Errorf("%w: inode %d has %d blocks", ErrFormat, i.Number, n)
	}
	if i.Flags&FlagExtents == 0 {
		return nil, fmt.Errorf("%w: inode %d has no extents", ErrFormat, i.Number)
	}
	var list []uint64
	list, err := m.extents(list, i.block[:], extentDepth, n)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", i.Number, err)
	}
	if int64(len(list)) != n {
		return nil, fmt.Errorf("%w: inode %d has %d blocks, not %d", ErrFormat, i.Number, len(list), n)
	}
	return list, nil
}

// extents appends to list, which may reach n blocks, what the node b maps.
func (m *Image) extents(list []uint64, b []byte, depth int, n int64) ([]uint64, error) {
	entries, levels := int(u16(b, 2)), int(u16(b, 6))
	if u16(b, 0) != extentMagic || (entries+1)*extentSize > len(b) || levels > depth {
		return nil, fmt.Errorf("%w: bad extent node", ErrFormat)
	}
	if levels > 0 {
		b = append([]byte(nil), b[:(entries+1)*extentSize]...) // the children use the buffer
	}
	for k := 1; k <= entries; k++ {
		e := b[k*extentSize:][:extentSize]
		var err error
		if levels > 0 {
			list, err = m.child(list, e, levels-1, n)
		} else {
			list, err = leafRuns(list, e, n)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (m *Image) child(list []uint64, e []byte, depth int, n int64) ([]uint64, error) {
	b, err := m.block(uint64(u32(e, 4)) | uint64(u16(e, 8))<<32)
	if err != nil {
		return nil, err
	}
	before := len(list)
	list, err = m.extents(list, b[:BlockSize], depth, n)
	if err == nil && len(list) == before {
		err = fmt.Errorf("%w: empty extent node", ErrFormat)
	}
	return list, err
}

func leafRuns(list []uint64, e []byte, n int64) ([]uint64, error) {
	length := int64(u16(e, 4))
	if int64(u32(e, 0)) != int64(len(list)) || length == 0 || length > extentUnset || int64(len(list))+length > n {
		return nil, fmt.Errorf("%w: bad extent", ErrFormat)
	}
	first := uint64(u32(e, 8)) | uint64(u16(e, 6))<<32
	for k := range uint64(length) {
		list = append(list, first+k)
	}
	return list, nil
}
