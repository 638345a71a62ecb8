package ext4

import (
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
	table, err := m.table(index / m.super.inodesPerGroup)
	if err != nil {
		return Inode{}, fmt.Errorf("read inode %d: %w", n, err)
	}
	at, bs := index%m.super.inodesPerGroup*m.super.inodeSize, int64(m.super.BlockSize)
	b, err := m.cached(&m.inodes, table+uint64(at/bs))
	if err != nil {
		return Inode{}, fmt.Errorf("read inode %d: %w", n, err)
	}
	b = b[at%bs:][:m.super.inodeSize]
	i := parseInode(n, b)
	if m.super.csum && i.Mode != 0 && !m.inodeSumOK(&i, b) {
		return Inode{}, fmt.Errorf("%w: inode %d: wrong checksum", ErrFormat, n)
	}
	return i, nil
}

// inodeSumOK checks the checksum of an inode: 16 bits, or 32 if it has the
// field for the rest (checksums.rst).
func (m *Image) inodeSumOK(i *Inode, b []byte) bool {
	zeros := []byte{0, 0}
	sum := checksum(m.super.inodeSeed(i.Number, i.generation), b[:0x7c])
	sum = checksum(checksum(sum, zeros), b[0x7e:min(len(b), 0x82)])
	if len(b) < 0x84 {
		return uint16(sum) == u16(b, 0x7c)
	}
	if u16(b, 0x80) < 4 {
		return uint16(checksum(sum, b[0x82:])) == u16(b, 0x7c)
	}
	sum = checksum(checksum(sum, zeros), b[0x84:])
	return sum == uint32(u16(b, 0x7c))|uint32(u16(b, 0x82))<<16
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
	if extra := extraOf(b); extra >= 16 {
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

// extraOf returns how long the fields beyond the classic 128 bytes are, 0
// where that is nonsense.
func extraOf(b []byte) int {
	if len(b) < 0x84 {
		return 0
	}
	if extra := int(u16(b, 0x80)); extra <= len(b)-128-4 {
		return extra
	}
	return 0
}

// crtimeOf reads the fields of an inode that has them.
func crtimeOf(b []byte) (lo, extra uint32) {
	if len(b) < 0x98 {
		return 0, 0
	}
	return u32(b, 0x90), u32(b, 0x94)
}

// Readlink returns a symlink's target.
func (m *Image) Readlink(i *Inode) (string, error) {
	if i.Size < 0 || i.Size > int64(m.super.BlockSize) {
		return "", fmt.Errorf("%w: inode %d: symlink of %d bytes", ErrFormat, i.Number, i.Size)
	}
	if i.Size < FastSymlink && i.Flags&FlagExtents == 0 {
		return string(i.block[:i.Size]), nil
	}
	target := ""
	err := m.eachRun(i, func(r fileRun) error {
		if r.logical != 0 || r.unwritten {
			return fmt.Errorf("%w: symlink with holes", ErrFormat)
		}
		b, err := m.block(r.block)
		if err == nil {
			target = string(b[:i.Size])
		}
		return err
	})
	if err == nil && int64(len(target)) != i.Size {
		err = fmt.Errorf("%w: symlink without a block", ErrFormat)
	}
	if err != nil {
		return "", fmt.Errorf("read symlink, inode %d: %w", i.Number, err)
	}
	return target, nil
}
