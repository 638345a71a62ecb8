package ext4

import (
	"cmp"
	"slices"
)

// encodeXattrs writes the xattrs of a place: entries from the beginning of
// area[start:], values, whose offsets count from the beginning of area, from
// its end (attributes.rst).
func encodeXattrs(area []byte, start int, list []storedXattr) {
	end := len(area)
	for i := range list {
		s := &list[i]
		size := len(s.value)
		end -= (size + 3) &^ 3
		copy(area[end:], s.value)
		e := area[start:]
		e[0], e[1] = uint8(len(s.rest)), s.index
		if size > 0 {
			le.PutUint16(e[2:], uint16(end))
		}
		le.PutUint32(e[8:], uint32(size))
		le.PutUint32(e[12:], xattrHash(s.rest, area[end:end+(size+3)&^3]))
		copy(e[xattrEntry:], s.rest)
		start += xattrEntrySize(s.rest)
	}
}

// xattrHash is e_hash: of the name, and of the value in words.
func xattrHash(rest string, value []byte) uint32 {
	const nameShift, valueShift = 5, 16
	var h uint32
	for i := range len(rest) {
		h = h<<nameShift ^ h>>(32-nameShift) ^ uint32(rest[i])
	}
	for ; len(value) > 0; value = value[4:] {
		h = h<<valueShift ^ h>>(32-valueShift) ^ le.Uint32(value)
	}
	return h
}

// xattrBlockOf encodes the block of xattrs at block number n. Its entries
// are sorted by namespace, length and name, as the kernel expects them.
func (f *format) xattrBlockOf(n uint32, list []storedXattr) []byte {
	slices.SortFunc(list, func(a, b storedXattr) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(len(a.rest), len(b.rest)), cmp.Compare(a.rest, b.rest))
	})
	b := make([]byte, BlockSize)
	encodeXattrs(b, xattrBlockHeader, list)
	le.PutUint32(b, xattrMagic)
	le.PutUint32(b[4:], 1) // h_refcount
	le.PutUint32(b[8:], 1) // h_blocks
	var hash uint32
	for at, i := xattrBlockHeader, 0; i < len(list); i++ {
		h := le.Uint32(b[at+12:])
		if h == 0 {
			hash = 0 // cannot be shared
			break
		}
		hash = hash<<16 ^ hash>>16 ^ h
		at += xattrEntrySize(list[i].rest)
	}
	le.PutUint32(b[12:], hash)
	if f.csum() {
		le.PutUint32(b[16:], f.xattrChecksum(uint64(n), b))
	}
	return b
}

// xattrChecksum is h_checksum: of the block's number and of the block with a
// zero in its place (checksums.rst).
func (f *format) xattrChecksum(n uint64, b []byte) uint32 {
	sum := checksum(f.seed, le.AppendUint64(nil, n))
	sum = checksum(sum, b[:16])
	sum = checksum(sum, []byte{0, 0, 0, 0})
	return checksum(sum, b[20:])
}
