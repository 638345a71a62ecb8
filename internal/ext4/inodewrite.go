package ext4

import "banger/sdk/tree"

// extraSize is i_extra_isize: the fields beyond the classic 128 bytes.
const extraSize = 32

// xattrStart is where the xattrs in an inode begin, after their magic.
const xattrStart = 128 + extraSize + 4

// newInode is what is encoded of an inode besides the parts of a tree's entry.
type newInode struct {
	mode    uint32
	links   uint32
	size    int64
	sectors int64 // of 512 bytes
	flags   uint32
	time    tree.Time
	uid     uint32
	gid     uint32
}

// writeInodes writes the used part of all inode tables.
func (f *finisher) writeInodes() error {
	t := tableWriter{finisher: f}
	for i := range f.inodes {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		n := &f.inodes[i]
		b, err := t.at(n.number)
		if err == nil {
			err = f.encode(b, n)
		}
		if err != nil {
			return err
		}
		if n.number == RootInode {
			t.special()
		}
	}
	return t.flush()
}

// encode encodes an inode of the tree or lost+found.
func (f *finisher) encode(b []byte, n *inode) error {
	i := newInode{mode: TypeDir | 0o700, links: n.links, size: int64(n.blocks) * BlockSize, flags: FlagExtents, time: tree.Time{Sec: f.o.Time}}
	if n.entry == noEntry {
		return f.encodeWithExtents(b, n, i)
	}
	e := &f.tree.Entries[n.entry]
	i.mode, i.uid, i.gid = TypeBits(e.Type)|e.Mode, e.UID, e.GID
	i.time, _ = Time(e.MTime)
	if list := xattrsIn(e, false); len(list) > 0 {
		le.PutUint32(b[xattrStart-4:], xattrMagic)
		encodeXattrs(b[xattrStart:], 0, list)
	}
	le.PutUint32(b[0x68:], n.xattrBlock)
	if n.xattrBlock != 0 {
		i.sectors = BlockSize / 512
	}
	return f.encodeEntry(b, n, i, e)
}

func (f *finisher) encodeEntry(b []byte, n *inode, i newInode, e *tree.Entry) error {
	switch e.Type {
	case tree.Directory:
		if n.indexed {
			i.flags |= flagIndex
		}
		if i.links > MaxLinks {
			i.links = 1 // dir_nlink: too many to count
		}
		return f.encodeWithExtents(b, n, i)
	case tree.Regular:
		i.size = e.Size
		return f.encodeWithExtents(b, n, i)
	case tree.Symlink:
		i.size = int64(len(e.Target))
		if n.runs > 0 {
			return f.encodeWithExtents(b, n, i)
		}
		copy(b[iBlock:], e.Target)
	case tree.CharDevice, tree.BlockDevice:
		block0, block1, _ := Device(e.DevMajor, e.DevMinor)
		le.PutUint32(b[iBlock:], block0)
		le.PutUint32(b[iBlock+4:], block1)
		i.size = 0
	default:
		i.size = 0
	}
	i.flags = 0
	f.encodeFields(b, n.number, i)
	return nil
}

// iBlock is the offset of i_block, iBlockSize its length.
const (
	iBlock     = 0x28
	iBlockSize = 60
)

// encodeWithExtents encodes an inode whose blocks are mapped by extents.
func (f *finisher) encodeWithExtents(b []byte, n *inode, i newInode) error {
	i.sectors += int64(n.nodes) * (BlockSize / 512)
	for _, r := range f.runsOf(n) {
		i.sectors += int64(r.length) * (BlockSize / 512)
	}
	if err := f.extentTree(n.number, f.runsOf(n), f.nodesOf(n), b[iBlock:][:iBlockSize], f.out.put); err != nil {
		return err
	}
	f.encodeFields(b, n.number, i)
	return nil
}

// encodeFields encodes the fields of an inode (inodes.rst) and, last, its
// checksum. All four of its times are the same.
func (f *finisher) encodeFields(b []byte, number uint32, i newInode) {
	lo, extra := EncodeTime(i.time)
	le.PutUint16(b[0x0:], uint16(i.mode))
	le.PutUint16(b[0x2:], uint16(i.uid))
	le.PutUint32(b[0x4:], uint32(i.size))
	for _, at := range [...]int{0x8, 0xc, 0x10, 0x90} { // i_atime, i_ctime, i_mtime, i_crtime
		le.PutUint32(b[at:], lo)
	}
	le.PutUint16(b[0x18:], uint16(i.gid))
	le.PutUint16(b[0x1a:], uint16(i.links))
	le.PutUint32(b[0x1c:], uint32(i.sectors))
	le.PutUint32(b[0x20:], i.flags)
	le.PutUint32(b[0x6c:], uint32(i.size>>32))
	le.PutUint16(b[0x74:], uint16(i.sectors>>32))
	le.PutUint16(b[0x78:], uint16(i.uid>>16))
	le.PutUint16(b[0x7a:], uint16(i.gid>>16))
	le.PutUint16(b[0x80:], extraSize)
	for _, at := range [...]int{0x84, 0x88, 0x8c, 0x94} { // the times' second halves
		le.PutUint32(b[at:], extra)
	}
	if f.csum() {
		sum := checksum(f.inodeSeed(number, 0), b)
		le.PutUint16(b[0x7c:], uint16(sum))
		le.PutUint16(b[0x82:], uint16(sum>>16))
	}
}

// tableWriter collects inodes, which come in the order of their numbers, and
// writes whole blocks of inode tables.
type tableWriter struct {
	*finisher
	block uint32 // in buf, 0 for none
	buf   [BlockSize]byte
}

// at returns the place of an inode, which is zero. It is valid until the next
// call.
func (t *tableWriter) at(number uint32) ([]byte, error) {
	index := int64(number - 1)
	group, index := index/t.geo.InodesPerGroup, index%t.geo.InodesPerGroup
	block := uint32(t.places[group].table + index/inodesPerBlock)
	if block != t.block {
		if err := t.flush(); err != nil {
			return nil, err
		}
		t.block = block
	}
	return t.buf[index%inodesPerBlock*InodeSize:][:InodeSize], nil
}

func (t *tableWriter) flush() error {
	if t.block == 0 {
		return nil
	}
	err := t.out.put(t.block, t.buf[:])
	clear(t.buf[:])
	return err
}
