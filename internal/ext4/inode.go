package ext4

import (
	"encoding/binary"
	"fmt"

	"banger/sdk/tree"
)

// The flags of inodes (inodes.rst).
const (
	flagIndex   = 0x1000
	FlagExtents = 0x80000 // the one flag of a fresh file or directory
)

// Inode is one inode's fields.
type Inode struct {
	Number     uint32
	Mode       uint32 // with the type bits
	UID, GID   uint32
	Links      uint32
	Size       int64
	Flags      uint32
	MTime      tree.Time
	ATime      tree.Time
	CTime      tree.Time
	CRTime     tree.Time // when it was made
	generation uint32
	block      [60]byte
	xattrBlock uint64
	extra      []byte // the inode's xattrs with their magic
}

// Type returns the inode's type, 0 for one that no tree has.
func (i *Inode) Type() tree.Type { return TypeOf(i.Mode) }

// Device returns the number of a device.
func (i *Inode) Device() (major, minor uint32) {
	return DeviceOf(u32(i.block[:], 0), u32(i.block[:], 4))
}

// Inode reads inode n.
func (m *Image) Inode(n uint32) (Inode, error) {
	if n == 0 || int64(n) > m.super.Inodes {
		return Inode{}, fmt.Errorf("%w: inode %d of %d", ErrFormat, n, m.super.Inodes)
	}
	index := int64(n - 1)
	at := index % m.super.inodesPerGroup * InodeSize
	b, err := m.block(m.tables[index/m.super.inodesPerGroup] + uint64(at/BlockSize))
	if err != nil {
		return Inode{}, fmt.Errorf("read inode %d: %w", n, err)
	}
	return parseInode(n, b[at%BlockSize:][:InodeSize]), nil
}

func parseInode(n uint32, b []byte) Inode {
	i := Inode{
		Number:     n,
		Mode:       uint32(u16(b, 0)),
		UID:        uint32(u16(b, 0x2)) | uint32(u16(b, 0x78))<<16,
		GID:        uint32(u16(b, 0x18)) | uint32(u16(b, 0x7a))<<16,
		Links:      uint32(u16(b, 0x1a)),
		Size:       int64(uint64(u32(b, 0x4)) | uint64(u32(b, 0x6c))<<32),
		Flags:      u32(b, 0x20),
		generation: u32(b, 0x64),
		block:      [60]byte(b[0x28:0x64]),
		xattrBlock: uint64(u32(b, 0x68)) | uint64(u16(b, 0x76))<<32,
	}
	var atime, ctime, mtime, crtime, crtimeExtra uint32 // all but crtime: extra fields
	if extra := int(u16(b, 0x80)); extra >= 16 && extra <= InodeSize-128-4 {
		ctime, mtime, atime = u32(b, 0x84), u32(b, 0x88), u32(b, 0x8c)
		crtime, crtimeExtra = crtimeOf(b[:128+extra])
		i.extra = append([]byte(nil), b[128+extra:]...)
	}
	i.ATime = DecodeTime(u32(b, 0x8), atime)
	i.CTime = DecodeTime(u32(b, 0xc), ctime)
	i.MTime = DecodeTime(u32(b, 0x10), mtime)
	i.CRTime = DecodeTime(crtime, crtimeExtra)
	return i
}

// crtimeOf reads the fields of an inode that has them.
func crtimeOf(b []byte) (lo, extra uint32) {
	if len(b) < 0x98 {
		return 0, 0
	}
	return u32(b, 0x90), u32(b, 0x94)
}

// seedOf is the seed of the checksums of what belongs to an inode.
func (m *Image) seedOf(i *Inode) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint32(b[:], i.Number)
	binary.LittleEndian.PutUint32(b[4:], i.generation)
	return checksum(m.super.seed, b[:])
}

// Readlink returns a symlink's target.
func (m *Image) Readlink(i *Inode) (string, error) {
	if i.Size < 0 || i.Size >= BlockSize {
		return "", fmt.Errorf("%w: inode %d: symlink of %d bytes", ErrFormat, i.Number, i.Size)
	}
	if i.Size < FastSymlink && i.Flags&FlagExtents == 0 {
		return string(i.block[:i.Size]), nil
	}
	blocks, err := m.blocks(i, 1)
	if err != nil {
		return "", err
	}
	b, err := m.block(blocks[0])
	if err != nil {
		return "", fmt.Errorf("read symlink, inode %d: %w", i.Number, err)
	}
	return string(b[:i.Size]), nil
}
