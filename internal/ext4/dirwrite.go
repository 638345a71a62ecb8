package ext4

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// dirent is one name to be written.
type dirent struct {
	name        string
	inode       uint32
	kind        uint8  // of dirKinds
	hash, minor uint32 // set by shape if it makes an index
}

// The layout of an index (directory.rst, "Hash Tree Directories"). The root
// has room for "." and "..", the information, and entries; a node for a fake
// entry and entries. The last 8 bytes are the checksum's.
const (
	dxRootStart = 32
	dxNodeStart = 8
	dxEntry     = 8
	dxTail      = 8
	dotSize     = 12 // of the entries "." and ".."
)

// dirShape is how a directory is laid out.
type dirShape struct {
	blocks  int
	nodes   int    // blocks of the index below its root
	leaves  []leaf // nil for a directory without an index
	perNode int
}

// leaf is one block of names in an index.
type leaf struct {
	first int    // of the sorted names
	hash  uint32 // the least in it, with the lowest bit set if the leaf before it has that hash, too
}

// format is what the encoding of blocks depends on.
type format struct {
	features Features
	hashSeed [4]uint32
	seed     uint32 // of all checksums
}

func (f *format) csum() bool { return f.features.has(MetadataCsum) }

// usable is the room for names in a directory block.
func (f *format) usable() int {
	if f.csum() {
		return BlockSize - direntTail
	}
	return BlockSize
}

// fanout is the most entries of an index block whose entries begin at start.
func (f *format) fanout(start int) int {
	if f.csum() {
		start += dxTail
	}
	return (BlockSize - start) / dxEntry
}

func direntSize(name string) int { return (direntHeader + len(name) + 3) &^ 3 }

// shape decides how a directory of those names is laid out in at least so many
// blocks, and sorts them if it makes an index: where they need more than one
// block.
func (f *format) shape(names []dirent, least int) dirShape {
	blocks, used := 1, 2*dotSize
	for i := range names {
		n := direntSize(names[i].name)
		if used += n; used > f.usable() {
			blocks, used = blocks+1, n
		}
	}
	if blocks == 1 || !f.features.has(DirIndex) {
		return dirShape{blocks: max(blocks, least)}
	}
	leaves := f.leaves(names)
	s := dirShape{blocks: 1 + len(leaves), leaves: leaves, perNode: f.fanout(dxNodeStart)}
	if len(leaves) > f.fanout(dxRootStart) {
		s.nodes = (len(leaves) + s.perNode - 1) / s.perNode
		s.blocks += s.nodes
	}
	if s.nodes > f.fanout(dxRootStart) { // only large_dir has deeper indexes
		return dirShape{blocks: blocks}
	}
	return s
}

// leaves sorts the names by hash and packs them into blocks.
func (f *format) leaves(names []dirent) []leaf {
	for i := range names {
		names[i].hash, names[i].minor = nameHash(names[i].name, f.hashSeed)
	}
	slices.SortFunc(names, func(a, b dirent) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		return cmp.Or(cmp.Compare(a.minor, b.minor), cmp.Compare(a.name, b.name))
	})
	var list []leaf
	used := f.usable()
	for i := range names {
		n := direntSize(names[i].name)
		if used+n > f.usable() {
			list = append(list, leaf{i, names[i].hash})
			if i > 0 && names[i-1].hash == names[i].hash {
				list[len(list)-1].hash |= 1
			}
			used = 0
		}
		used += n
	}
	return list
}

// dirWriter encodes one directory.
type dirWriter struct {
	*format
	self, parent uint32
	names        []dirent
	shape        dirShape
	put          func(block []byte) error
	block        [BlockSize]byte
}

// write passes the directory's blocks to put in order.
func (w *dirWriter) write() error {
	if w.shape.leaves == nil {
		return w.linear()
	}
	if err := w.index(); err != nil {
		return err
	}
	for i, l := range w.shape.leaves {
		end := len(w.names)
		if i+1 < len(w.shape.leaves) {
			end = w.shape.leaves[i+1].first
		}
		clear(w.block[:])
		at, last := 0, 0
		for k := l.first; k < end; k++ {
			last = at
			at += w.dirent(at, &w.names[k])
		}
		if err := w.finish(last); err != nil {
			return err
		}
	}
	return nil
}

// linear writes names in the order of the tree.
func (w *dirWriter) linear() error {
	last := w.dots()
	at := last + dotSize
	written := 0
	for i := range w.names {
		if at+direntSize(w.names[i].name) > w.usable() {
			if err := w.finish(last); err != nil {
				return err
			}
			clear(w.block[:])
			at, written = 0, written+1
		}
		last = at
		at += w.dirent(at, &w.names[i])
	}
	for ; written < w.shape.blocks; written++ {
		if err := w.finish(last); err != nil {
			return err
		}
		clear(w.block[:])
		last = 0
	}
	return nil
}

// dots begins the first block with "." and "..", and returns where ".." is.
func (w *dirWriter) dots() int {
	clear(w.block[:])
	w.dirent(0, &dirent{name: ".", inode: w.self, kind: dirKindDir})
	w.dirent(dotSize, &dirent{name: "..", inode: w.parent, kind: dirKindDir})
	return dotSize
}

// dirent writes an entry and returns its size.
func (w *dirWriter) dirent(at int, d *dirent) int {
	size := direntSize(d.name)
	e := w.block[at:]
	le.PutUint32(e, d.inode)
	le.PutUint16(e[4:], uint16(size))
	e[6], e[7] = uint8(len(d.name)), d.kind
	copy(e[direntHeader:], d.name)
	return size
}

// finish lets the entry at last reach to the end of the names, adds the
// checksum and puts the block.
func (w *dirWriter) finish(last int) error {
	le.PutUint16(w.block[last+4:], uint16(w.usable()-last))
	if w.csum() {
		tail := w.block[BlockSize-direntTail:]
		le.PutUint16(tail[4:], direntTail)
		tail[7] = dirKindTail
		le.PutUint32(tail[8:], checksum(w.inodeSeed(w.self, 0), w.block[:BlockSize-direntTail]))
	}
	return w.put(w.block[:])
}

// index writes the root of the index and the nodes below it.
func (w *dirWriter) index() error {
	s := &w.shape
	last := w.dots()
	le.PutUint16(w.block[last+4:], BlockSize-dotSize)
	info := w.block[2*dotSize:]
	info[4], info[5] = hashHalfMD4, 8 // hash_version, info_length
	if s.nodes == 0 {
		return w.indexBlock(dxRootStart, len(s.leaves), func(i int) (uint32, int) { return s.leaves[i].hash, 1 + i })
	}
	info[6] = 1 // indirect_levels
	root := func(i int) (uint32, int) { return s.leaves[i*s.perNode].hash, 1 + i }
	if err := w.indexBlock(dxRootStart, s.nodes, root); err != nil {
		return err
	}
	for n := range s.nodes {
		clear(w.block[:])
		le.PutUint16(w.block[4:], BlockSize)
		first := n * s.perNode
		entry := func(i int) (uint32, int) { return s.leaves[first+i].hash, 1 + s.nodes + first + i }
		if err := w.indexBlock(dxNodeStart, min(s.perNode, len(s.leaves)-first), entry); err != nil {
			return err
		}
	}
	return nil
}

// indexBlock fills the block with count entries from start on and puts it. The
// first entry's hash has its place taken by the limit and the count.
func (w *dirWriter) indexBlock(start, count int, entry func(int) (hash uint32, block int)) error {
	for i := range count {
		hash, block := entry(i)
		e := w.block[start+i*dxEntry:]
		le.PutUint32(e, hash)
		le.PutUint32(e[4:], uint32(block))
	}
	limit := w.fanout(start)
	le.PutUint16(w.block[start:], uint16(limit))
	le.PutUint16(w.block[start+2:], uint16(count))
	if w.csum() {
		tail := w.block[start+limit*dxEntry:]
		le.PutUint32(tail[4:], dxChecksum(w.inodeSeed(w.self, 0), w.block[:], start, count, limit))
	}
	return w.put(w.block[:])
}

// dxChecksum is the checksum of an index block (checksums.rst): of all up to
// the last entry, and of the tail with a zero in place of the checksum.
func dxChecksum(seed uint32, block []byte, start, count, limit int) uint32 {
	seed = checksum(seed, block[:start+count*dxEntry])
	seed = checksum(seed, block[start+limit*dxEntry:][:4])
	return checksum(seed, []byte{0, 0, 0, 0})
}

// inodeSeed is the seed of the checksums of an inode and what belongs to it.
func (f *format) inodeSeed(number, generation uint32) uint32 {
	var b [8]byte
	le.PutUint32(b[:], number)
	le.PutUint32(b[4:], generation)
	return checksum(f.seed, b[:])
}

var le = binary.LittleEndian
