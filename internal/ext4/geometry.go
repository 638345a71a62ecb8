package ext4

// The constants of an image with 4 KiB blocks and 256-byte inodes.
const (
	groupBlocks    = 8 * BlockSize // what one bitmap block covers
	maxGroupInodes = 8 * BlockSize
	inodesPerBlock = BlockSize / InodeSize
	flexGroups     = 16 // groups whose bitmaps and inode tables lie together
	resizeGrowth   = 1024
	maxReservedGDT = BlockSize / 4 // block numbers in an indirect block

	// MaxBlocks bounds the blocks of an image: beyond 2^32 resize_inode
	// cannot be had.
	MaxBlocks = 1 << 32
)

// Geometry is what a number of blocks and inodes makes of a filesystem, as
// mke2fs lays it out with resize_inode, flex_bg and sparse_super.
type Geometry struct {
	Blocks         int64 // a tail too short for a group of its own is left out
	Groups         int64
	InodesPerGroup int64
	GDTBlocks      int64 // blocks of group descriptors, in each copy
	ReservedGDT    int64 // blocks kept for more of them, in each copy
	descSize       int64
}

// NewGeometry lays a filesystem out. It is not ok if there is none of that
// size with as many inodes.
func NewGeometry(blocks, inodes int64, f Features) (g Geometry, ok bool) {
	for {
		g, tail := layOut(blocks, inodes, f)
		if tail == 0 {
			ok := g.Groups > 0 && g.InodesPerGroup <= maxGroupInodes && g.Blocks < MaxBlocks && g.Inodes() < MaxBlocks
			return g, ok
		}
		blocks -= tail
	}
}

// Inodes of all groups: those asked for, rounded up to whole blocks in each.
func (g Geometry) Inodes() int64 { return g.Groups * g.InodesPerGroup }

// layOut lays out one size; if a tail is returned, which mke2fs would leave
// out, the geometry does not count.
func layOut(blocks, inodes int64, f Features) (g Geometry, tail int64) {
	groups := ceilDiv(blocks, groupBlocks)
	if groups <= 0 {
		return Geometry{}, 0
	}
	g = Geometry{Blocks: blocks, Groups: groups, descSize: 64}
	if !f.has(Bit64) {
		g.descSize = 32
	}
	g.InodesPerGroup = max(ceilDiv(ceilDiv(inodes, groups), inodesPerBlock), 1) * inodesPerBlock
	g.GDTBlocks = ceilDiv(groups*g.descSize, BlockSize)
	if f.has(ResizeInode) {
		grown := ceilDiv(min(blocks*resizeGrowth, MaxBlocks-1), groupBlocks)
		g.ReservedGDT = min(ceilDiv(grown*g.descSize, BlockSize)-g.GDTBlocks, maxReservedGDT)
	}
	const least = 50 // blocks of content in the last group
	last := 2 + g.tableBlocks() + g.superBlocks(groups-1)
	if rest := blocks % groupBlocks; rest > 0 && rest < last+least {
		if groups == 1 {
			return Geometry{}, 0
		}
		return Geometry{}, rest
	}
	return g, 0
}

// Overhead is the blocks that hold neither content nor the journal:
// superblocks, group descriptors, bitmaps, inode tables and the map of the
// resize inode.
func (g Geometry) Overhead() int64 {
	n := g.Groups * (2 + g.tableBlocks())
	for i := range g.superGroups() {
		n += g.superBlocks(i)
	}
	if g.ReservedGDT > 0 {
		n++
	}
	return n
}

// tableBlocks is the length of one group's inode table.
func (g Geometry) tableBlocks() int64 { return g.InodesPerGroup / inodesPerBlock }

// superBlocks is what the copy of the superblock takes at the beginning of
// group i, with the descriptors after it: 0 if there is none.
func (g Geometry) superBlocks(i int64) int64 {
	if !hasSuper(i) {
		return 0
	}
	return 1 + g.GDTBlocks + g.ReservedGDT
}

// groupEnd is the block after the last one of group i.
func (g Geometry) groupEnd(i int64) int64 { return min((i+1)*groupBlocks, g.Blocks) }

// superGroups yields the groups with a copy of the superblock, in order.
func (g Geometry) superGroups() func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		for i := int64(0); i < g.Groups; i = nextSuper(i) {
			if !yield(i) {
				return
			}
		}
	}
}

// nextSuper returns the first group after i with a copy of the superblock.
func nextSuper(i int64) int64 {
	if i == 0 {
		return 1
	}
	next := int64(MaxBlocks)
	for _, base := range [...]int64{3, 5, 7} {
		p := base
		for p <= i {
			p *= base
		}
		next = min(next, p)
	}
	return next
}

// hasSuper reports whether group i has a copy of the superblock: 0, 1 and the
// powers of 3, 5 and 7 (sparse_super in super.rst).
func hasSuper(i int64) bool {
	for _, base := range [...]int64{3, 5, 7} {
		p := i
		for p > 1 && p%base == 0 {
			p /= base
		}
		if p <= 1 {
			return true
		}
	}
	return false
}

// JournalBlocks is the length of the journal that mke2fs gives a filesystem
// of that many blocks, but never none.
func JournalBlocks(blocks int64) int64 {
	switch {
	case blocks < 32768:
		return 1024
	case blocks < 256*1024:
		return 4096
	case blocks < 512*1024:
		return 8192
	case blocks < 4096*1024:
		return 16384
	case blocks < 8192*1024:
		return 32768
	case blocks < 16384*1024:
		return 65536
	case blocks < 32768*1024:
		return 131072
	}
	return 262144
}

// ceilDiv divides what is not negative and rounds up.
func ceilDiv(a, b int64) int64 {
	n := a / b
	if a%b > 0 {
		n++
	}
	return n
}
