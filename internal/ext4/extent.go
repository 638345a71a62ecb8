package ext4

import "fmt"

const (
	extentMagic = 0xf30a
	extentSize  = 12 // of the header, too
	extentDepth = 5  // the deepest tree that 2^32 blocks need
	extentUnset = 1 << 15
)

// fileRun is blocks of a file: length from logical on lie at block on. Those
// of an unwritten run read as zeros.
type fileRun struct {
	logical, length, block uint64
	unwritten              bool
}

// eachRun calls do for the runs of an inode in the order of the file. What
// lies between them are holes.
func (m *Image) eachRun(i *Inode, do func(fileRun) error) error {
	if i.Flags&FlagExtents == 0 {
		return fmt.Errorf("%w: inode %d has no extents", ErrFormat, i.Number)
	}
	w := extentWalk{Image: m, inode: i, do: do}
	if err := w.node(i.block[:], extentDepth); err != nil {
		return fmt.Errorf("inode %d: %w", i.Number, err)
	}
	return nil
}

// extentWalk goes through an extent tree. Since runs must ascend, no node
// counts twice and the walk ends.
type extentWalk struct {
	*Image
	inode *Inode
	do    func(fileRun) error
	next  uint64 // the least logical block that may come
}

// node goes through a node whose bytes are b (ifork.rst, "Extent Tree").
func (w *extentWalk) node(b []byte, depth int) error {
	entries, levels := int(u16(b, 2)), int(u16(b, 6))
	if u16(b, 0) != extentMagic || (entries+1)*extentSize > len(b) || levels > depth {
		return fmt.Errorf("%w: bad extent node", ErrFormat)
	}
	list := append([]byte(nil), b[extentSize:][:entries*extentSize]...) // do and the children use the buffer
	for ; len(list) > 0; list = list[extentSize:] {
		var err error
		if levels > 0 {
			err = w.child(list[:extentSize], levels-1)
		} else {
			err = w.leaf(list[:extentSize])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *extentWalk) child(e []byte, depth int) error {
	n := uint64(u32(e, 4)) | uint64(u16(e, 8))<<32
	b, err := w.block(n)
	if err != nil {
		return err
	}
	if entries := int(u16(b, 2)); w.super.csum {
		tail := extentSize * (1 + int(u16(b, 4)))
		if entries > int(u16(b, 4)) || tail+4 > len(b) || checksum(w.super.inodeSeed(w.inode.Number, w.inode.generation), b[:tail]) != u32(b, tail) {
			return fmt.Errorf("%w: extent block %d: wrong checksum", ErrFormat, n)
		}
	}
	before := w.next
	if err := w.node(b, depth); err != nil {
		return err
	}
	if w.next == before {
		return fmt.Errorf("%w: empty extent node", ErrFormat)
	}
	return nil
}

func (w *extentWalk) leaf(e []byte) error {
	r := fileRun{logical: uint64(u32(e, 0)), length: uint64(u16(e, 4)), block: uint64(u32(e, 8)) | uint64(u16(e, 6))<<32}
	if r.length > extentUnset {
		r.length, r.unwritten = r.length-extentUnset, true
	}
	switch {
	case r.logical < w.next || r.length == 0 || r.logical+r.length > 1<<32:
		return fmt.Errorf("%w: bad extent", ErrFormat)
	case r.block == 0 || r.block+r.length > uint64(w.super.Blocks):
		return fmt.Errorf("%w: extent of blocks %d to %d of %d", ErrFormat, r.block, r.block+r.length-1, w.super.Blocks)
	}
	w.next = r.logical + r.length
	return w.do(r)
}
