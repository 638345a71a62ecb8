// Package ext4size plans how large an ext4 image must be for a tree, and how
// many inodes it needs, before anything is written. It is pure.
//
// The plan is an upper bound for what is made with banger's features, within
// half a per mille and 64 blocks that are added for what cannot be foreseen:
// where a file is fragmented. So it may be wrong for a filesystem filled to
// the brim; the builders check, and retry once.
package ext4size

import (
	"banger/sdk"
	"banger/sdk/tree"
)

// MinBytes is the smallest image that is made.
const MinBytes = 64 << 20

// format is what errors call the images.
const format = "ext4"

// Plan is the shape of an image.
type Plan struct {
	Bytes    int64 // of the image file, a multiple of 4096
	Inodes   int64 // to ask for
	Journal  int64 // blocks of the journal
	Reserved int64 // blocks that are only root's to fill
	// Auto is set when Bytes was planned from the tree.
	Auto bool
	// FreeBlocks is the least room that the filesystem must have left, so
	// that users find what they were promised after the content.
	FreeBlocks int64
	// Overhead is the blocks that the filesystem takes for itself, with the
	// tail of the image if that is too short for it to use.
	Overhead int64
	Content  Content

	filesystem Filesystem
}

const mib = 1 << 20

// New plans an image that mkfs.ext4 makes of t; see [Filesystem.Plan].
func New(t *tree.Tree, want sdk.SizePlan) (Plan, error) { return mke2fs.Plan(Measure(t), want) }

// Plan plans an image for c. Where want leaves it open, the image has the free
// room that want says beyond the content, is at least MinBytes large and a
// multiple of 1 MiB; and it has inodes for the content, a quarter more but at
// least 2048 more, and one for each 16 KiB of free room. An image has 128 MiB
// for each 32768 inodes, though most of them may be a hole. An exact size
// that is not a multiple of 4096 is rounded up to one.
//
// Errors are those of [sdk.Sizing.Plan].
func (f Filesystem) Plan(c Content, want sdk.SizePlan) (Plan, error) {
	size, err := f.sizing(c).Plan(want)
	if err != nil {
		return Plan{}, err
	}
	blocks, free := size.Bytes/blockSize, size.Free/blockSize
	if free > 0 {
		free += kernelReserve(blocks) + f.reserved(blocks)
	}
	p := Plan{Auto: size.Auto, FreeBlocks: free, Content: c, filesystem: f}
	p.shape(size)
	return p, nil
}

// sizing is what decides on the size of an image for c.
func (f Filesystem) sizing(c Content) *sdk.Sizing {
	return &sdk.Sizing{
		Format: format, Content: c.Blocks * blockSize, Inodes: c.Inodes,
		MinBytes: MinBytes, MaxBytes: maxBlocks * blockSize, MaxInodes: maxBlocks, Block: blockSize, Step: mib,
		Missing: func(bytes, inodes, free int64) int64 {
			return f.missing(c, bytes/blockSize, inodes, free/blockSize) * blockSize
		},
		InodeCounts: func(bytes, free int64) []int64 {
			room := c.Inodes + headroom(c.Inodes)
			if bytes == 0 {
				return []int64{max(room, c.Inodes+free/bytesPerInode)}
			}
			return []int64{max(room, bytes/bytesPerInode), room, c.Inodes}
		},
	}
}

// bytesPerInode is mke2fs's default inode_ratio.
const bytesPerInode = 16384

func headroom(inodes int64) int64 { return max(2048, inodes/4) }

// missing returns how many blocks a filesystem lacks to hold the content and
// free blocks more.
func (f Filesystem) missing(c Content, blocks, inodes, free int64) int64 {
	if least := (ceilDiv(inodes, maxGroupInodes) - 1) * groupBlocks; blocks < least {
		return least - blocks
	}
	needed := c.Blocks + slack(blocks) + f.reserved(blocks) + free
	if free > 0 {
		needed += kernelReserve(blocks)
	}
	l := f.layout(blocks, inodes)
	n := needed + l.overhead - l.blocks
	if !l.ok {
		return max(n, 1)
	}
	return n
}

// kernelReserve is what the kernel keeps from users besides mke2fs's reserved
// blocks, which banger does without: ext4_set_resv_clusters in
// fs/ext4/super.c.
func kernelReserve(blocks int64) int64 { return min(blocks/50, 4096) }

// slack is room for what the plan cannot foresee.
func slack(blocks int64) int64 { return 64 + blocks/2000 }

// shape gives p a size.
func (p *Plan) shape(size sdk.ImageSize) {
	blocks := size.Bytes / blockSize
	l := p.filesystem.layout(blocks, size.Inodes)
	p.Bytes, p.Inodes = size.Bytes, size.Inodes
	p.Journal, p.Reserved = p.filesystem.journal(l.blocks), p.filesystem.reserved(l.blocks)
	p.Overhead = l.overhead + blocks - l.blocks
}

// Larger returns a plan for the same content after p has turned out to be
// missing blocks (0 when it is not known how many); see [sdk.Sizing.Larger].
func (p Plan) Larger(missing int64) Plan {
	size := sdk.ImageSize{Bytes: p.Bytes, Inodes: p.Inodes}
	p.shape(p.filesystem.sizing(p.Content).Larger(size, missing*blockSize))
	return p
}
