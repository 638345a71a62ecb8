package ext4size

// The constants of mke2fs for 4 KiB blocks and 256-byte inodes.
const (
	blockSize        = 4096
	groupBlocks      = 32768 // 8 × 4096: what one bitmap block covers
	maxGroupInodes   = 32768
	inodesPerBlock   = 16
	groupsPerBlock   = 64      // descriptors of 64 bytes in a block
	growth           = 1024    // mke2fs reserves descriptors for this much growth …
	maxReserved      = 1024    // … but no more blocks than this
	maxBlocks        = 1 << 32 // beyond, resize_inode cannot be had
	lostFoundBlocks  = 4       // mke2fs makes it 16 KiB
	resizeNodeBlocks = 1
)

// layout is what mke2fs makes of a number of blocks and inodes
// (lib/ext2fs/initialize.c).
type layout struct {
	blocks   int64 // of the filesystem: a tail too short for a group is left out
	overhead int64 // blocks that hold no content
	inodes   int64 // rounded up
	ok       bool  // it can be made
}

func newLayout(blocks, inodes int64) layout {
	for {
		l, tail := layOut(blocks, inodes)
		if tail == 0 {
			return l
		}
		blocks -= tail
	}
}

// layOut lays out one size; a tail that mke2fs would leave out is returned,
// and the layout then does not count.
func layOut(blocks, inodes int64) (l layout, tail int64) {
	groups := ceilDiv(blocks, groupBlocks)
	if groups == 0 {
		return layout{}, 0
	}
	perGroup := ceilDiv(ceilDiv(inodes, groups), inodesPerBlock) * inodesPerBlock
	table := perGroup / inodesPerBlock
	descriptors := ceilDiv(groups, groupsPerBlock)
	copySize := 1 + descriptors + reservedDescriptors(blocks, descriptors)
	last := 2 + table
	if hasSuper(groups - 1) {
		last += copySize
	}
	if rest := blocks % groupBlocks; rest > 0 && rest < last+50 {
		if groups == 1 {
			return layout{}, 0
		}
		return layout{}, rest
	}
	l = layout{blocks: blocks, inodes: perGroup * groups, ok: perGroup <= maxGroupInodes && blocks < maxBlocks && perGroup*groups < maxBlocks}
	l.overhead = supers(groups)*copySize + 2*groups + table*groups + journalBlocks(blocks) + resizeNodeBlocks + lostFoundBlocks
	return l, 0
}

// reservedDescriptors is calc_reserved_gdt_blocks of lib/ext2fs/initialize.c.
func reservedDescriptors(blocks, descriptors int64) int64 {
	grown := min(blocks*growth, maxBlocks-1)
	return min(ceilDiv(ceilDiv(grown, groupBlocks), groupsPerBlock)-descriptors, maxReserved)
}

// supers counts the groups with a copy of the superblock.
func supers(groups int64) int64 {
	n := int64(1) // group 0
	if groups > 1 {
		n++
	}
	for _, base := range [...]int64{3, 5, 7} {
		for g := base; g < groups; g *= base {
			n++
		}
	}
	return n
}

// hasSuper reports whether group g has a copy of the superblock: 0, 1 and the
// powers of 3, 5 and 7 (sparse_super).
func hasSuper(g int64) bool {
	for _, base := range [...]int64{3, 5, 7} {
		p := g
		for p > 1 && p%base == 0 {
			p /= base
		}
		if p <= 1 {
			return true
		}
	}
	return false
}

// journalBlocks is ext2fs_default_journal_size (lib/ext2fs/mkjournal.c), but
// never none.
func journalBlocks(blocks int64) int64 {
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
