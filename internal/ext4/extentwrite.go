package ext4

const (
	inodeExtents = 4                                         // in the inode
	nodeExtents  = (BlockSize - extentSize - 4) / extentSize // in a block, less the checksum
	nodeTail     = extentSize + nodeExtents*extentSize       // where its checksum is
)

// extentBlocks returns how many blocks the tree of n extents takes.
func extentBlocks(n int) int {
	total := 0
	for n > inodeExtents {
		n = (n + nodeExtents - 1) / nodeExtents
		total += n
	}
	return total
}

// pointer is an entry of an extent tree: an extent, or the block of a node.
type pointer struct {
	logical uint32
	length  uint16 // 0 for a node
	block   uint32
}

// extentTree encodes the runs of an inode. Its nodes go to the blocks, which
// are as many as extentBlocks says: those of one level after those of the
// level below. The root goes to i_block.
func (f *format) extentTree(number uint32, runs []run, blocks []uint32, iBlock []byte, put func(block uint32, b []byte) error) error {
	level := make([]pointer, len(runs))
	for i, r := range runs {
		level[i] = pointer{r.logical, uint16(r.length), r.block}
	}
	depth := 0
	for ; len(level) > inodeExtents; depth++ {
		var above []pointer
		for len(level) > 0 {
			n := min(len(level), nodeExtents)
			var b [BlockSize]byte
			extentNode(b[:], level[:n], nodeExtents, depth)
			if f.csum() {
				le.PutUint32(b[nodeTail:], checksum(f.inodeSeed(number, 0), b[:nodeTail]))
			}
			if err := put(blocks[0], b[:]); err != nil {
				return err
			}
			above = append(above, pointer{logical: level[0].logical, block: blocks[0]})
			level, blocks = level[n:], blocks[1:]
		}
		level = above
	}
	extentNode(iBlock, level, inodeExtents, depth)
	return nil
}

// extentNode encodes one node (ifork.rst, "Extent Tree").
func extentNode(b []byte, list []pointer, most, depth int) {
	le.PutUint16(b, extentMagic)
	le.PutUint16(b[2:], uint16(len(list)))
	le.PutUint16(b[4:], uint16(most))
	le.PutUint16(b[6:], uint16(depth))
	for i, p := range list {
		e := b[extentSize*(i+1):]
		le.PutUint32(e, p.logical)
		if depth > 0 {
			le.PutUint32(e[4:], p.block)
			continue
		}
		le.PutUint16(e[4:], p.length)
		le.PutUint32(e[8:], p.block)
	}
}
