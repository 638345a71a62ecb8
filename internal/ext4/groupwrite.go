package ext4

// The flags of groups (group_descr.rst).
const (
	groupInodeUninit = 1 // the inode bitmap is to be taken as empty
	groupBlockUninit = 2 // the block bitmap is to be worked out
	groupTableZeroed = 4 // the inode table is zeros where it is not used
)

// The first inodes are reserved, whether they are used or not (s_first_ino).
const reservedInodes = 10

// writeGroups writes the bitmaps, and makes the group descriptors.
func (f *finisher) writeGroups() error {
	u := f.usage()
	f.groups = make([]byte, f.geo.Groups*f.geo.descSize)
	free := f.free
	for g := range f.geo.Groups {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		for len(free) > 0 && free[0].end <= g*groupBlocks {
			free = free[1:]
		}
		if err := f.writeGroup(g, free, &u[g]); err != nil {
			return err
		}
	}
	return nil
}

// groupUsage is what of a group's inodes is used.
type groupUsage struct {
	dirs   uint32
	inodes []uint16 // their places in the group, in order
}

func (f *finisher) usage() []groupUsage {
	list := make([]groupUsage, f.geo.Groups)
	use := func(number uint32) *groupUsage {
		g := &list[int64(number-1)/f.geo.InodesPerGroup]
		g.inodes = append(g.inodes, uint16(int64(number-1)%f.geo.InodesPerGroup))
		return g
	}
	for n := range uint32(reservedInodes) {
		use(n + 1)
	}
	list[0].dirs++ // the root
	for i := range f.inodes[1:] {
		n := &f.inodes[i+1]
		g := use(n.number)
		if f.isDir(n) {
			g.dirs++
		}
	}
	return list
}

// writeGroup writes the two bitmaps of a group, unless they are to be worked
// out, and its descriptor. free begins with what is free in the group.
func (f *finisher) writeGroup(g int64, free []interval, u *groupUsage) error {
	place := &f.places[g]
	var blocks, inodes [BlockSize]byte
	freeBlocks := f.blockBitmap(&blocks, g, free)
	tail := f.inodeBitmap(&inodes, u)
	d := groupDescriptor{place: place, freeBlocks: freeBlocks, freeInodes: f.geo.InodesPerGroup - int64(len(u.inodes)), dirs: int64(u.dirs)}
	if f.csum() {
		d.flags = groupTableZeroed
		d.unusedInodes = tail
		if len(u.inodes) == 0 {
			d.flags |= groupInodeUninit
		}
		if size := f.geo.groupEnd(g) - g*groupBlocks; g < f.geo.Groups-1 && freeBlocks == size-f.geo.superBlocks(g) {
			d.flags |= groupBlockUninit
		}
	}
	if d.flags&groupBlockUninit == 0 {
		d.blockSum = f.bitmapSum(blocks[:])
		if err := f.out.put(uint32(place.blockBitmap), blocks[:]); err != nil {
			return err
		}
	}
	if d.flags&groupInodeUninit == 0 {
		d.inodeSum = f.bitmapSum(inodes[:f.geo.InodesPerGroup/8])
		if err := f.out.put(uint32(place.inodeBitmap), inodes[:]); err != nil {
			return err
		}
	}
	f.encodeGroup(f.groups[g*f.geo.descSize:][:f.geo.descSize], g, &d)
	return nil
}

// blockBitmap fills the bitmap of group g and returns how many blocks are
// free. Bits beyond the end of the filesystem are set.
func (f *finisher) blockBitmap(b *[BlockSize]byte, g int64, free []interval) int64 {
	fillOnes(b[:])
	var n int64
	first, end := g*groupBlocks, f.geo.groupEnd(g)
	for _, r := range free {
		from, to := max(r.first, first), min(r.end, end)
		if from >= to {
			break
		}
		n += to - from
		clearBits(b[:], int(from-first), int(to-first))
	}
	return n
}

// inodeBitmap fills the bitmap of a group and returns how many inodes at its
// end are not used. Bits beyond the last inode are set.
func (f *finisher) inodeBitmap(b *[BlockSize]byte, u *groupUsage) (tail int64) {
	fillOnes(b[f.geo.InodesPerGroup/8:])
	for _, i := range u.inodes {
		b[i/8] |= 1 << (i % 8)
		tail = int64(i) + 1
	}
	return f.geo.InodesPerGroup - tail
}

func (f *finisher) bitmapSum(b []byte) uint32 {
	if !f.csum() {
		return 0
	}
	return checksum(f.seed, b)
}

func fillOnes(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}

// clearBits clears the bits from the first on, before end.
func clearBits(b []byte, first, end int) {
	for ; first < end && first%8 != 0; first++ {
		b[first/8] &^= 1 << (first % 8)
	}
	for ; first+8 <= end; first += 8 {
		b[first/8] = 0
	}
	for ; first < end; first++ {
		b[first/8] &^= 1 << (first % 8)
	}
}

// groupDescriptor is what a descriptor says.
type groupDescriptor struct {
	place                                      *groupPlace
	freeBlocks, freeInodes, dirs, unusedInodes int64
	flags                                      uint16
	blockSum, inodeSum                         uint32
}

// encodeGroup encodes a descriptor (group_descr.rst). All block numbers are
// below 2^32.
func (f *finisher) encodeGroup(b []byte, g int64, d *groupDescriptor) {
	le.PutUint32(b[0x0:], uint32(d.place.blockBitmap))
	le.PutUint32(b[0x4:], uint32(d.place.inodeBitmap))
	le.PutUint32(b[0x8:], uint32(d.place.table))
	le.PutUint16(b[0xc:], uint16(d.freeBlocks))
	le.PutUint16(b[0xe:], uint16(d.freeInodes))
	le.PutUint16(b[0x10:], uint16(d.dirs))
	le.PutUint16(b[0x12:], d.flags)
	le.PutUint16(b[0x18:], uint16(d.blockSum))
	le.PutUint16(b[0x1a:], uint16(d.inodeSum))
	le.PutUint16(b[0x1c:], uint16(d.unusedInodes))
	if len(b) > 32 {
		le.PutUint16(b[0x38:], uint16(d.blockSum>>16))
		le.PutUint16(b[0x3a:], uint16(d.inodeSum>>16))
	}
	if f.csum() {
		le.PutUint16(b[0x1e:], groupSum(f.seed, uint32(g), b))
	}
}

// groupSum is the checksum of a descriptor whose bg_checksum is zero.
func groupSum(seed, g uint32, b []byte) uint16 {
	return uint16(checksum(checksum(seed, le.AppendUint32(nil, g)), b))
}
