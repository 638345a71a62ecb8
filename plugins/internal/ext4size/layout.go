package ext4size

import "banger/internal/ext4"

const (
	blockSize      = ext4.BlockSize
	groupBlocks    = 8 * blockSize // what one bitmap block covers
	maxGroupInodes = 8 * blockSize
	maxBlocks      = ext4.MaxBlocks
)

// Filesystem is what the size of an image depends on besides its content and
// what the user wants of it.
type Filesystem struct {
	Features ext4.Features
	// Journal is the length of the journal in blocks: 0 for none,
	// [DefaultJournal] for one that depends on the filesystem's size.
	Journal int64
	// ReservedPercent of the blocks are only root's to fill; users do not
	// count them as free.
	ReservedPercent int64
}

// DefaultJournal has the journal grow with the filesystem.
const DefaultJournal = -1

// mke2fs is the filesystem that mkfs.ext4 makes for banger.
var mke2fs = Filesystem{Features: ext4.AllFeatures, Journal: DefaultJournal}

// layout is what becomes of a number of blocks and inodes.
type layout struct {
	blocks   int64 // of the filesystem: a tail too short for a group is left out
	overhead int64 // blocks that hold no content
	inodes   int64 // rounded up
	ok       bool  // it can be made
}

func (f Filesystem) layout(blocks, inodes int64) layout {
	g, ok := ext4.NewGeometry(blocks, inodes, f.Features)
	if g.Groups == 0 {
		return layout{}
	}
	return layout{blocks: g.Blocks, overhead: g.Overhead() + f.journal(g.Blocks), inodes: g.Inodes(), ok: ok}
}

// journal returns the journal's length in a filesystem of so many blocks.
func (f Filesystem) journal(blocks int64) int64 {
	if f.Journal == DefaultJournal {
		return ext4.JournalBlocks(blocks)
	}
	return f.Journal
}

// reserved returns the blocks that are root's.
func (f Filesystem) reserved(blocks int64) int64 { return blocks * f.ReservedPercent / 100 }

// ceilDiv divides what is not negative and rounds up.
func ceilDiv(a, b int64) int64 {
	n := a / b
	if a%b > 0 {
		n++
	}
	return n
}
