// Package ext4size plans how large an ext4 image must be for a tree, and how
// many inodes it needs, before anything is written. It is pure.
//
// The plan is an upper bound for what is made with banger's features, within
// half a per mille and 64 blocks that are added for what cannot be foreseen:
// where a file is fragmented. So it may be wrong for a filesystem filled to
// the brim; the builders check, and retry once.
package ext4size

import (
	"errors"
	"fmt"

	"banger/internal/hint"
	"banger/sdk"
	"banger/sdk/tree"
)

// MinBytes is the smallest image that is made.
const MinBytes = 64 << 20

// ErrSize is wrapped by the error about a size or a number of inodes that the
// user asked for and that cannot be.
var ErrSize = errors.New("size does not fit")

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
// Errors wrap ErrSize, say what would be enough, and have a hint.
func (f Filesystem) Plan(c Content, want sdk.SizePlan) (Plan, error) {
	p := planner{Filesystem: f, content: c, want: want}
	switch {
	case want.Bytes < 0 || want.FreeBytes < 0 || want.FreePercent < 0 || want.Inodes < 0:
		return Plan{}, fmt.Errorf("plan ext4: %w: a negative size", ErrSize)
	case max(want.Inodes, p.content.Inodes) >= maxBlocks:
		return Plan{}, fmt.Errorf("plan ext4: %w: ext4 has fewer than 2^32 inodes", ErrSize)
	case want.Inodes > 0 && want.Inodes < p.content.Inodes:
		err := fmt.Errorf("plan ext4: %w: %d inodes are asked for and the tree needs %d", ErrSize, want.Inodes, p.content.Inodes)
		return Plan{}, hint.With(err, fmt.Sprintf("ask for at least %d inodes, or for none", p.content.Inodes))
	case want.Bytes > 0:
		return p.exact()
	}
	return p.auto()
}

type planner struct {
	Filesystem
	content Content
	want    sdk.SizePlan
}

func (p *planner) auto() (Plan, error) {
	if p.content.Blocks >= maxBlocks || p.want.FreePercent >= maxBlocks {
		return Plan{}, tooLarge()
	}
	free := ceilDiv(p.want.FreeBytes, blockSize)
	if free == 0 {
		free = ceilDiv(p.content.Blocks*int64(p.want.FreePercent), 100)
	}
	if free < 0 || free >= maxBlocks {
		return Plan{}, tooLarge()
	}
	inodes := p.want.Inodes
	if inodes == 0 {
		inodes = p.content.Inodes + max(headroom(p.content.Inodes), free*blockSize/bytesPerInode)
	}
	blocks, err := p.smallest(inodes, free)
	if err != nil {
		return Plan{}, err
	}
	return p.plan(blocks, inodes, free, true), nil
}

// bytesPerInode is mke2fs's default inode_ratio.
const bytesPerInode = 16384

func headroom(inodes int64) int64 { return max(2048, inodes/4) }

func (p *planner) exact() (Plan, error) {
	if p.want.Bytes < MinBytes {
		err := fmt.Errorf("plan ext4: %w: ext4 size %d below minimum %d", ErrSize, p.want.Bytes, MinBytes)
		return Plan{}, hint.With(err, "ask for at least 64M, or leave the size to banger")
	}
	blocks := ceilDiv(p.want.Bytes, blockSize)
	if blocks >= maxBlocks {
		return Plan{}, tooLarge()
	}
	tries := []int64{p.want.Inodes}
	if p.want.Inodes == 0 {
		n := p.content.Inodes
		tries = []int64{max(n+headroom(n), p.want.Bytes/bytesPerInode), n + headroom(n), n}
	}
	for _, inodes := range tries {
		if p.fits(blocks, inodes, 0) {
			return p.plan(blocks, inodes, 0, false), nil
		}
	}
	least, err := p.smallest(tries[len(tries)-1], 0)
	if err != nil {
		return Plan{}, err
	}
	err = fmt.Errorf("plan ext4: %w: %d bytes are asked for and the tree needs %d", ErrSize, p.want.Bytes, least*blockSize)
	return Plan{}, hint.With(err, fmt.Sprintf("ask for a size of at least %dM, or leave it to banger", least*blockSize/mib))
}

// smallest returns the least blocks, in whole MiB and not below MinBytes,
// that hold the content and free blocks more.
func (p *planner) smallest(inodes, free int64) (int64, error) {
	const step = mib / blockSize
	groups := ceilDiv(inodes, maxGroupInodes)
	blocks := max(MinBytes/blockSize, ceilDiv(p.content.Blocks+free, step)*step, (groups-1)*groupBlocks)
	for !p.fits(blocks, inodes, free) {
		if blocks >= maxBlocks {
			return 0, tooLarge()
		}
		l := p.layout(blocks, inodes)
		missing := p.needed(blocks, free) + l.overhead - l.blocks
		blocks += ceilDiv(max(missing, 1), step) * step
	}
	return blocks, nil
}

// fits reports whether a filesystem of blocks and inodes holds the content
// and free blocks more.
func (p *planner) fits(blocks, inodes, free int64) bool {
	l := p.layout(blocks, inodes)
	return l.ok && l.blocks-l.overhead >= p.needed(blocks, free)
}

// needed returns the blocks that the content and free blocks more take.
func (p *planner) needed(blocks, free int64) int64 {
	n := p.content.Blocks + slack(blocks) + p.reserved(blocks) + free
	if free > 0 {
		n += kernelReserve(blocks)
	}
	return n
}

// kernelReserve is what the kernel keeps from users besides mke2fs's reserved
// blocks, which banger does without: ext4_set_resv_clusters in
// fs/ext4/super.c.
func kernelReserve(blocks int64) int64 { return min(blocks/50, 4096) }

// slack is room for what the plan cannot foresee.
func slack(blocks int64) int64 { return 64 + blocks/2000 }

func (p *planner) plan(blocks, inodes, free int64, auto bool) Plan {
	if free > 0 {
		free += kernelReserve(blocks) + p.reserved(blocks)
	}
	l := p.layout(blocks, inodes)
	return Plan{
		Bytes: blocks * blockSize, Inodes: inodes, Journal: p.journal(l.blocks), Reserved: p.reserved(l.blocks),
		Auto: auto, FreeBlocks: free, Overhead: l.overhead + blocks - l.blocks, Content: p.content, filesystem: p.Filesystem,
	}
}

func tooLarge() error {
	return fmt.Errorf("plan ext4: %w: banger makes images below 16 TiB", ErrSize)
}

// Larger returns a plan for the same content after p has turned out to be
// missing blocks (0 when it is not known how many): an eighth and 16 MiB
// larger, and with as many more inodes.
func (p Plan) Larger(missing int64) Plan {
	blocks := p.Bytes / blockSize
	blocks += ceilDiv(missing+blocks/8, mib/blockSize)*(mib/blockSize) + 16*mib/blockSize
	p.Bytes = blocks * blockSize
	p.Inodes += p.Inodes / 8
	l := p.filesystem.layout(blocks, p.Inodes)
	p.Journal, p.Reserved = p.filesystem.journal(l.blocks), p.filesystem.reserved(l.blocks)
	p.Overhead = l.overhead + blocks - l.blocks
	return p
}
