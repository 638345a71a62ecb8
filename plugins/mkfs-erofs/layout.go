package mkfserofs

import (
	"encoding/binary"
	"hash/crc32"

	"banger/sdk/tree"
)

// What erofs looks like on disk: Documentation/filesystems/erofs.rst and
// fs/erofs/erofs_fs.h of Linux, and "Core on-disk format" of erofs.docs.kernel.org.
// All numbers have their little end first.
const (
	blockBits = 12
	blockSize = 1 << blockBits
	maxBlocks = 1<<32 - 1 // a block's number has 32 bits, and the last means none
	noBlock   = 1<<32 - 1 // EROFS_NULL_ADDR: a hole

	superOffset = 1024
	superMagic  = 0xe0f5e1e2

	// Compatible features: the superblock has a checksum, and the times of
	// inodes are their mtimes.
	featureChecksum = 1 << 0
	featureMTime    = 1 << 1
	// Incompatible ones: files in chunks.
	featureChunks = 1 << 2

	// Inodes stand in slots, and are named by the number of their first one.
	slotSize      = 32
	slotsPerBlock = blockSize / slotSize

	// The extended inode.
	inodeSize   = 64
	extended    = 1 // bit 0 of i_format
	layoutShift = 1 // to bits 1 to 3

	direntSize = 12
)

// The layouts of an inode's data.
const (
	flatPlain  = 0 // whole blocks
	flatInline = 2 // the same, and the rest after the inode
	chunked    = 4 // chunks of equal size, each somewhere or a hole
)

// The types in modes (inode(7)), and in directory entries
// (fs/fs_types.c).
var (
	modes     = [...]uint16{tree.Regular: 0o100000, tree.Directory: 0o40000, tree.Symlink: 0o120000, tree.CharDevice: 0o20000, tree.BlockDevice: 0o60000, tree.Fifo: 0o10000}
	fileTypes = [...]uint8{tree.Regular: 1, tree.Directory: 2, tree.CharDevice: 3, tree.BlockDevice: 4, tree.Fifo: 5, tree.Symlink: 7}
)

var le = binary.LittleEndian

// super returns block 0, whose only content is the superblock.
func (p *plan) super() []byte {
	block := make([]byte, blockSize)
	b := block[superOffset:]
	le.PutUint32(b, superMagic)
	le.PutUint32(b[8:], featureChecksum|featureMTime)
	b[12] = blockBits
	le.PutUint16(b[14:], rootNode)
	le.PutUint64(b[16:], uint64(p.inodes))
	le.PutUint32(b[36:], uint32(p.blocks))
	// Inodes are counted, and found, from the beginning of the image:
	// meta_blkaddr is 0. So is the build time, which only compact inodes take.
	copy(b[48:], p.uuid[:])
	copy(b[64:], p.label)
	if p.chunks {
		le.PutUint32(b[80:], featureChunks)
	}
	le.PutUint32(b[4:], ^crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) // as the kernel's crc32c: not inverted at its end
	return block
}

// inode encodes the inode of entry i, without what follows it.
func (p *plan) inode(i int) []byte {
	e, n := &p.tree.Entries[i], &p.nodes[i]
	b := make([]byte, inodeSize)
	le.PutUint16(b, extended|uint16(n.layout)<<layoutShift)
	le.PutUint16(b[2:], xattrCount(n.xattrs))
	le.PutUint16(b[4:], modes[e.Type]|uint16(e.Mode))
	le.PutUint64(b[8:], uint64(n.size))
	le.PutUint32(b[16:], p.place(i))
	le.PutUint32(b[20:], n.serial)
	le.PutUint32(b[24:], e.UID)
	le.PutUint32(b[28:], e.GID)
	le.PutUint64(b[32:], uint64(e.MTime.Sec))
	le.PutUint32(b[40:], e.MTime.Nsec)
	le.PutUint32(b[44:], n.links)
	return b
}

// place is i_u: where the data is, how large chunks are, or the number of a
// device.
func (p *plan) place(i int) uint32 {
	e, n := &p.tree.Entries[i], &p.nodes[i]
	switch {
	case n.layout == chunked:
		return uint32(n.chunkBits)
	case isDevice(e.Type):
		dev, _ := device(e.DevMajor, e.DevMinor)
		return dev
	}
	return n.block
}

func isDevice(t tree.Type) bool { return t == tree.CharDevice || t == tree.BlockDevice }

// device encodes a device number as Linux does on disk (new_encode_dev): 12
// bits of major among 20 of minor. It is 0 and not ok for numbers that Linux
// does not have.
func device(major, minor uint32) (dev uint32, ok bool) {
	if major >= 1<<12 || minor >= 1<<20 {
		return 0, false
	}
	return minor&0xff | major<<8 | minor&^0xff<<12, true
}
