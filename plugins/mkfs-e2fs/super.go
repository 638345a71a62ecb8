package mkfse2fs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Super is what the superblock of any ext2, ext3 or ext4 filesystem says.
type Super struct {
	BlockSize          int64 // in bytes
	Blocks, FreeBlocks int64
	Inodes, FreeInodes int64
	Label              string // raw bytes
	UUID               string
}

// ErrNotExt is returned by ReadSuper for what is no such filesystem.
var ErrNotExt = errors.New("not an ext2, ext3 or ext4 filesystem")

// ReadSuper reads the superblock: struct ext4_super_block of the kernel's
// fs/ext4/ext4.h, at byte 1024, little-endian.
func ReadSuper(r io.ReaderAt) (Super, error) {
	var b [1024]byte
	if _, err := r.ReadAt(b[:], 1024); errors.Is(err, io.EOF) {
		return Super{}, ErrNotExt
	} else if err != nil {
		return Super{}, fmt.Errorf("read superblock: %w", err)
	}
	u32 := func(off int) int64 { return int64(binary.LittleEndian.Uint32(b[off:])) }
	shift := u32(0x18)
	if binary.LittleEndian.Uint16(b[0x38:]) != 0xef53 || shift > 6 {
		return Super{}, ErrNotExt
	}
	s := Super{
		BlockSize: 1024 << shift, Blocks: u32(0x4), FreeBlocks: u32(0xc), Inodes: u32(0x0), FreeInodes: u32(0x10),
		Label: strings.TrimRight(string(b[0x78:0x88]), "\x00"),
	}
	if u32(0x60)&0x80 != 0 { // INCOMPAT_64BIT
		s.Blocks |= u32(0x150) << 32
		s.FreeBlocks |= u32(0x158) << 32
	}
	u := b[0x68:0x78]
	s.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	return s, nil
}
