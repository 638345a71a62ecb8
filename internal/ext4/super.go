package ext4

import (
	"fmt"
	"hash/crc32"
)

const (
	superOffset = 1024
	superSize   = 1024
	superMagic  = 0xef53
)

// Super is what a superblock says.
type Super struct {
	Blocks, FreeBlocks int64
	Inodes, FreeInodes int64
	Label              string
	UUID               [16]byte

	perGroup, inodesPerGroup int64
	seed                     uint32 // of all checksums
}

func parseSuper(b []byte) (Super, error) {
	s := Super{
		Blocks:         int64(u32(b, 0x4)) | int64(u32(b, 0x150))<<32,
		FreeBlocks:     int64(u32(b, 0xc)) | int64(u32(b, 0x158))<<32,
		Inodes:         int64(u32(b, 0x0)),
		FreeInodes:     int64(u32(b, 0x10)),
		Label:          cstring(b[0x78:0x88]),
		UUID:           [16]byte(b[0x68:0x78]),
		perGroup:       int64(u32(b, 0x20)),
		inodesPerGroup: int64(u32(b, 0x28)),
	}
	s.seed = checksum(^uint32(0), s.UUID[:])
	incompat, readOnly := u32(b, 0x60), u32(b, 0x64)
	switch {
	case u16(b, 0x38) != superMagic:
		return s, fmt.Errorf("%w: no ext4 magic", ErrFormat)
	case u32(b, 0x18) != 2 || u16(b, 0x58) != InodeSize || u16(b, 0xfe) != groupSize:
		return s, fmt.Errorf("%w: other sizes of blocks, inodes or group descriptors", ErrFormat)
	case incompat != incompatFiletype|incompatExtents|incompat64Bit|incompatFlexBG || readOnly&roMetadataCsum == 0:
		return s, fmt.Errorf("%w: features %#x, %#x", ErrFormat, incompat, readOnly)
	case s.Blocks <= 0 || s.Blocks > 1<<32 || s.perGroup != 8*BlockSize || s.inodesPerGroup <= 0 || s.inodesPerGroup > 8*BlockSize:
		return s, fmt.Errorf("%w: %d blocks, groups of %d blocks and %d inodes", ErrFormat, s.Blocks, s.perGroup, s.inodesPerGroup)
	}
	return s, nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the kernel's crc32c: unlike hash/crc32's it inverts neither
// what it is given nor what it returns.
func checksum(seed uint32, b []byte) uint32 { return ^crc32.Update(^seed, castagnoli, b) }

func cstring(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
