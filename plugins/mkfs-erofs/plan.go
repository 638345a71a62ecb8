package mkfserofs

import (
	"fmt"
	"math"

	"banger/internal/dirs"
	"banger/internal/sparse"
	"banger/plugins/internal/imagebuild"
	"banger/sdk/tree"
)

// rootNode is the number of the root's inode, the first after the superblock's
// block.
const rootNode = slotsPerBlock

// plan is an image that has not been written: everything has its place. It is
// made of a tree's metadata alone, and does not change once label and UUID are
// there.
type plan struct {
	tree    *tree.Tree
	dirs    *dirs.Dirs
	omitted []dirs.Omission
	nodes   []node // of the tree's entries; hardlinks have none
	inodes  int64
	blocks  int64 // of the image
	chunks  bool  // there are files in chunks

	label string
	uuid  [16]byte
}

// node is the inode of an entry. There is none while it has no links.
type node struct {
	number    int64 // of its first slot
	size      int64 // of its data in bytes
	block     uint32
	serial    uint32 // i_ino
	links     uint32
	xattrs    int32 // bytes
	layout    uint8
	chunkBits uint8
}

// newPlan plans the image of t, which must be valid and stay as it is.
func newPlan(t *tree.Tree) (*plan, error) {
	if len(t.Entries) > math.MaxInt32 {
		return nil, fmt.Errorf("plan erofs: %d entries are more than it takes", len(t.Entries))
	}
	p := &plan{tree: t, nodes: make([]node, len(t.Entries))}
	p.dirs, p.omitted = dirs.List(t, name)
	p.count()
	at := newShelves()
	p.each(func(i int) { p.shape(i, at) })
	p.blocks = at.end
	// Directories stand together, so that a search reads what is near.
	p.each(func(i int) { p.allot(i, t.Entries[i].Type == tree.Directory) })
	p.each(func(i int) { p.allot(i, t.Entries[i].Type != tree.Directory) })
	if p.blocks > maxBlocks {
		return nil, fmt.Errorf("plan erofs: the image would take %d blocks of %d bytes, and has at most %d", p.blocks, blockSize, int64(maxBlocks))
	}
	return p, nil
}

// size is the length of the image in bytes.
func (p *plan) size() int64 { return p.blocks << blockBits }

// each calls do for every entry that has an inode.
func (p *plan) each(do func(i int)) {
	for i := range p.nodes {
		if p.nodes[i].links > 0 {
			do(i)
		}
	}
}

// carrier is the entry whose inode entry i is a name of.
func (p *plan) carrier(i int) int { return imagebuild.Target(p.tree, i) }

// count counts the links of inodes: a directory has its name, its "." and the
// ".." of each directory in it. Parents come before what is in them.
func (p *plan) count() {
	p.nodes[0].links = 2
	for i := range p.nodes {
		if p.nodes[i].links > 0 && p.tree.Entries[i].Type == tree.Directory {
			p.countIn(i)
		}
	}
	p.each(func(i int) {
		p.inodes++
		p.nodes[i].serial = uint32(p.inodes)
	})
}

// countIn counts the links that the names in directory i make.
func (p *plan) countIn(i int) {
	for _, k := range p.dirs.In(i) {
		c := p.carrier(int(k))
		p.nodes[c].links++
		if p.tree.Entries[c].Type == tree.Directory {
			p.nodes[c].links++
			p.nodes[i].links++
		}
	}
}

// shape decides what entry i's inode is like, and gives it its place.
func (p *plan) shape(i int, at *shelves) {
	e, n := &p.tree.Entries[i], &p.nodes[i]
	n.xattrs = int32(xattrsSize(e))
	length := inodeSize + int64(n.xattrs)
	switch e.Type {
	case tree.Directory:
		n.size = p.dirSize(i)
	case tree.Symlink:
		n.size = int64(len(e.Target))
	case tree.Regular:
		n.size = e.Size
		if bits, _, ok := chunksOf(e); ok {
			n.layout, n.chunkBits, p.chunks = chunked, bits, true
			n.number = at.place(length + chunkCount(e.Size, bits)*chunkEntry)
			return
		}
	}
	// The rest must be in one block, and old kernels want a symlink's inode
	// there, too.
	if rest := n.size % blockSize; rest > 0 && length+rest <= blockSize {
		n.layout = flatInline
		length += rest
	}
	n.number = at.place(length)
}

// allot gives entry i its blocks if it is wanted.
func (p *plan) allot(i int, wanted bool) {
	if blocks := p.dataBlocks(i); wanted && blocks > 0 {
		p.nodes[i].block = uint32(p.blocks)
		p.blocks += blocks
	}
}

// dataBlocks is the number of blocks that entry i takes besides its inode.
func (p *plan) dataBlocks(i int) int64 {
	switch n := &p.nodes[i]; n.layout {
	case chunked:
		_, blocks, _ := chunksOf(&p.tree.Entries[i])
		return blocks
	case flatInline:
		return n.size >> blockBits
	default:
		return blocksOf(n.size)
	}
}

// bodies is a bodies.Plan.
func (p *plan) bodies(do func(entry int, segments []sparse.Segment) error) error {
	var segments []sparse.Segment
	for i := range p.nodes {
		if p.nodes[i].links == 0 || p.tree.Entries[i].Type != tree.Regular {
			continue
		}
		if segments = p.segments(segments[:0], i); len(segments) == 0 {
			continue
		}
		if err := do(i, segments); err != nil {
			return err
		}
	}
	return nil
}

// segments appends where the content of file i goes.
func (p *plan) segments(list []sparse.Segment, i int) []sparse.Segment {
	n := &p.nodes[i]
	at := int64(n.block) << blockBits
	if n.layout == chunked {
		for first, last := range runs(&p.tree.Entries[i], n.chunkBits) {
			length := runBlocks(n.size, n.chunkBits, first, last) << blockBits
			list = append(list, sparse.Segment{Offset: first << (n.chunkBits + blockBits), ImageOffset: at, Length: length})
			at += length
		}
		return list
	}
	blocks := p.dataBlocks(i) << blockBits
	if blocks > 0 {
		list = append(list, sparse.Segment{ImageOffset: at, Length: blocks})
	}
	if n.layout == flatInline {
		list = append(list, sparse.Segment{Offset: blocks, ImageOffset: n.number*slotSize + inodeSize + int64(n.xattrs), Length: n.size - blocks})
	}
	return list
}
