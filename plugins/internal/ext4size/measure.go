package ext4size

import (
	"banger/internal/ext4"
	"banger/sdk/tree"
)

// Content is what a tree needs in an ext4 filesystem, whatever its size.
type Content struct {
	// Blocks of 4 KiB: data, directories, symlinks, xattrs, extent nodes.
	// Blocks of nothing but zeros count, though mkfs.ext4 leaves them out.
	Blocks int64
	// Inodes with the 11 that every filesystem has.
	Inodes int64
	// Widest is the directory with the most entries.
	Widest        string
	WidestEntries int64
}

// reservedInodes are 1 to 10 and /lost+found, which mke2fs makes 16 KiB.
const (
	reservedInodes  = 11
	lostFoundBlocks = 4
)

// Measure counts what t needs in an image that mkfs.ext4 and debugfs make.
func Measure(t *tree.Tree) Content {
	m := measurer{dirs: make(map[string]*directory)}
	for i := range t.Entries {
		m.entry(t, &t.Entries[i])
	}
	m.Blocks = min(m.Blocks, maxBlocks)
	for path, d := range m.dirs {
		m.Blocks += d.blocks + extentNodes(d.blocks)
		if d.entries > m.WidestEntries || d.entries == m.WidestEntries && path < m.Widest {
			m.Widest, m.WidestEntries = path, d.entries
		}
	}
	m.Inodes += reservedInodes
	m.Blocks += lostFoundBlocks
	return m.Content
}

type measurer struct {
	Content
	dirs map[string]*directory
}

func (m *measurer) entry(t *tree.Tree, e *tree.Entry) {
	if e.Path != "" {
		m.dirs[tree.Dir(e.Path)].add(len(tree.Base(e.Path)))
		m.Inodes++
	}
	inode := e
	switch e.Type {
	case tree.Directory:
		m.dirs[e.Path] = newDirectory()
	case tree.Regular:
		blocks, runs := fileBlocks(e)
		m.Blocks = min(m.Blocks+blocks+extentNodes(runs), maxBlocks)
	case tree.Hardlink:
		inode = t.Lookup(e.Target)
		if inode == nil || inode.Type != tree.Symlink && !ext4.IsDevice(inode.Type) {
			m.Inodes--
			return
		}
		// mkfs.ext4 makes an inode for each name of a symlink, debugfs one
		// for each of a device.
	}
	if inode.Type == tree.Symlink && len(inode.Target) >= ext4.FastSymlink {
		m.Blocks++
	}
	if ext4.FitXattrs(inode).Block {
		m.Blocks++
	}
}

// longest is how many blocks an extent has at most.
const longest = 32768

// fileBlocks returns the blocks that hold e's data, and in how many extents
// at least: runs between holes, none longer than an extent.
func fileBlocks(e *tree.Entry) (blocks, extents int64) {
	for _, n := range e.BlockRuns(blockSize) {
		blocks, extents = blocks+n, extents+ceilDiv(n, longest)
	}
	return blocks, extents
}

// extentNodes returns the blocks of an extent tree. Four extents are in the
// inode, a block holds 340; libext2fs splits full ones in halves.
func extentNodes(extents int64) int64 {
	if extents <= 4 {
		return 0
	}
	leaves := (extents + 169) / 170
	return leaves + extentNodes(leaves)
}

// directory is the growth of a linear directory: each name in the last block
// or, when it does not fit, in a new one.
type directory struct {
	blocks, entries int64
	used            int // bytes of the last block
}

func newDirectory() *directory { return &directory{blocks: 1, used: 24} } // "." and ".."

func (d *directory) add(name int) {
	const usable = ext4.BlockSize - 12 // less the checksum
	size := (8 + name + 3) &^ 3
	d.entries++
	if d.used += size; d.used > usable {
		d.blocks++
		d.used = size
	}
}
