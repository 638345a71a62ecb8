package ext4

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"banger/internal/dirs"
	"banger/sdk/tree"
)

// ErrNoSpace is wrapped by the error of Draft.Plan about a filesystem that is too
// small; see [ShortError].
var ErrNoSpace = errors.New("the filesystem is too small")

// ShortError is how much a filesystem is too small.
type ShortError struct{ Blocks, Inodes int64 }

func (e *ShortError) Error() string {
	return fmt.Sprintf("%v: it lacks %d blocks of %d bytes and %d inodes", ErrNoSpace, e.Blocks, BlockSize, e.Inodes)
}

// Unwrap makes errors.Is find ErrNoSpace.
func (e *ShortError) Unwrap() error { return ErrNoSpace }

// Options say what filesystem to make. All of it is in the image's bytes, and
// nothing else is but the tree and the Size.
type Options struct {
	Features Features
	Label    string
	UUID     [16]byte
	HashSeed [16]byte // of directory hashes
	Time     int64    // of the filesystem's making, in seconds since 1970

	// LostFound makes the directory lost+found of four blocks, unless the
	// tree has something of that name.
	LostFound bool
}

// Size is how large a filesystem is to be.
type Size struct {
	Blocks   int64 // of the image; a short tail may stay unused
	Inodes   int64 // at least
	Journal  int64 // blocks of the journal, at least MinJournal; 0 for none
	Reserved int64 // blocks that only root may fill
}

// MinJournal is the shortest journal that Linux takes, in blocks
// (JBD2_MIN_JOURNAL_BLOCKS).
const MinJournal = 1024

// The inodes with a fixed number (inodes.rst, "Special inodes").
const (
	resizeInode  = 7
	journalInode = 8
	firstInode   = LostFoundInode + 1 // of the tree, as mke2fs -d numbers them
)

const lostFoundBlocks = 4

// Draft is a filesystem without a size: everything has its inode, and
// directories have their shape, but nothing has a place. A Draft does not
// change; its methods may be called from several goroutines.
type Draft struct {
	format
	o       Options
	tree    *tree.Tree
	dirs    *dirs.Dirs
	inodes  []inode  // in the order of their numbers
	numbers []uint32 // of each entry's inode, 0 for what is left out
	omitted []dirs.Omission
}

// Plan is a filesystem that has not been written: every block of it has its
// place. It is made of a tree's metadata alone. A Plan does not change; its
// methods may be called from several goroutines.
type Plan struct {
	*Draft
	size    Size
	geo     Geometry
	places  []groupPlace
	free    []interval
	inodes  []inode  // the draft's, with their places
	runs    []run    // of all inodes
	nodes   []uint32 // blocks of all extent trees
	journal inode
	dind    uint32 // the block map of the resize inode
}

// inode is one inode to be written.
type inode struct {
	number     uint32
	entry      int32 // that has its attributes; none for lost+found
	links      uint32
	blocks     uint32 // of a directory or a long symlink
	indexed    bool   // a directory with an index
	hasXattrs  bool   // that take a block
	firstRun   int32
	runs       int32
	firstNode  int32
	nodes      int32
	xattrBlock uint32
}

const noEntry = -1

// NewDraft drafts a filesystem for t, which must be valid and stay as it is.
func NewDraft(t *tree.Tree, o Options) (*Draft, error) {
	if len(t.Entries) > math.MaxInt32 {
		return nil, fmt.Errorf("draft ext4: %d entries are more than it takes", len(t.Entries))
	}
	d := &Draft{o: o, tree: t, format: newFormat(o)}
	d.dirs, d.omitted = dirs.List(t, "ext4")
	d.number()
	d.measureAll()
	return d, nil
}

// measureStep is how many inodes one goroutine measures at a time.
const measureStep = 1024

// measureAll measures the inodes, several at a time.
func (d *Draft) measureAll() {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(d.inodes)/measureStep) {
		all.Go(func() {
			var names []dirent // room for those of one directory
			for {
				first := int(next.Add(measureStep)) - measureStep
				if first >= len(d.inodes) {
					return
				}
				for i := range d.inodes[first:min(first+measureStep, len(d.inodes))] {
					names = d.measure(&d.inodes[first+i], names)
				}
			}
		})
	}
	all.Wait()
}

// measure finds out what n needs besides the contents of files. It returns the
// room that it has used.
func (d *Draft) measure(n *inode, names []dirent) []dirent {
	if n.entry == noEntry {
		n.blocks = lostFoundBlocks
		return names
	}
	e := &d.tree.Entries[n.entry]
	n.hasXattrs = len(e.Xattrs) > 0 && FitXattrs(e).Block
	switch {
	case e.Type == tree.Directory:
		names = d.direntsOf(names[:0], int(n.entry))
		s := d.shape(names, leastBlocks(n))
		n.blocks, n.indexed = uint32(s.blocks), s.leaves != nil
	case e.Type == tree.Symlink && len(e.Target) >= FastSymlink:
		n.blocks = 1
	}
	return names
}

// leastBlocks is the least length of a directory.
func leastBlocks(n *inode) int {
	if n.number == LostFoundInode {
		return lostFoundBlocks
	}
	return 1
}

// Content returns what the draft takes in a filesystem of any size: blocks
// besides the geometry's overhead and the journal, and inodes in all. Blocks
// of extent trees are counted as if nothing were fragmented.
func (d *Draft) Content() (blocks, inodes int64) {
	p := d.plan(Size{})
	a := allocator{free: []interval{{0, MaxBlocks}}}
	p.allocateMetadata(&a)
	p.allocateFiles(&a)
	if len(a.free) == 0 {
		return MaxBlocks + a.lack, d.lastInode()
	}
	return a.free[0].first, d.lastInode()
}

// Plan gives everything its place in a filesystem of that size. The error
// wraps ErrNoSpace if it is too small.
func (d *Draft) Plan(size Size) (*Plan, error) {
	p := d.plan(size)
	var ok bool
	if p.geo, ok = NewGeometry(size.Blocks, size.Inodes, d.features); !ok {
		return nil, fmt.Errorf("plan ext4: there is no filesystem of %d blocks and %d inodes", size.Blocks, size.Inodes)
	}
	if size.Journal < 0 || size.Journal > 0 && size.Journal < MinJournal || size.Reserved < 0 || size.Reserved > p.geo.Blocks/2 {
		return nil, fmt.Errorf("plan ext4: a journal of %d blocks or %d reserved blocks cannot be", size.Journal, size.Reserved)
	}
	lack, ok := p.allocate()
	if !ok {
		return nil, fmt.Errorf("plan ext4: there is no room for %d inodes", p.geo.Inodes())
	}
	if inodes := max(0, d.lastInode()-p.geo.Inodes()); lack > 0 || inodes > 0 {
		return nil, fmt.Errorf("plan ext4: %w", &ShortError{lack, inodes})
	}
	return p, nil
}

func (d *Draft) plan(size Size) *Plan {
	return &Plan{Draft: d, size: size, inodes: slices.Clone(d.inodes), runs: make([]run, 0, len(d.inodes))}
}

func newFormat(o Options) format {
	f := format{features: o.Features, seed: checksum(^uint32(0), o.UUID[:])}
	for i := range f.hashSeed {
		f.hashSeed[i] = le.Uint32(o.HashSeed[4*i:])
	}
	return f
}

// lastInode is the highest number in use.
func (d *Draft) lastInode() int64 {
	return max(LostFoundInode, int64(d.inodes[len(d.inodes)-1].number))
}

// Bytes is the length of the filesystem. What an image has beyond it is not
// used.
func (p *Plan) Bytes() int64 { return p.geo.Blocks * BlockSize }

// FreeBlocks is how many blocks are free.
func (p *Plan) FreeBlocks() int64 {
	var n int64
	for _, f := range p.free {
		n += f.end - f.first
	}
	return n
}

// Inode returns the number of the inode of entry i, 0 if it is left out.
func (d *Draft) Inode(i int) uint32 { return d.numbers[i] }

// Omitted returns what the image will not have, in the order of the tree.
func (d *Draft) Omitted() []dirs.Omission { return d.omitted }

// allocate gives everything its blocks. It returns how many are lacking; it is
// not ok if not even the inode tables fit.
func (p *Plan) allocate() (lack int64, ok bool) {
	var free []interval
	if p.places, free, ok = p.geo.placeGroups(); !ok {
		return 0, false
	}
	a := allocator{free: free}
	if p.geo.ReservedGDT > 0 {
		p.dind = a.one()
	}
	p.allocateMetadata(&a)
	if p.size.Journal > 0 {
		p.journal = inode{number: journalInode, entry: noEntry, links: 1}
		p.take(&a, &p.journal, 0, p.size.Journal)
		p.takeNodes(&a, &p.journal)
	}
	p.allocateFiles(&a)
	p.free = a.free
	return a.lack, true
}

// allocateMetadata places xattrs, directories and symlinks next to each other,
// so that they can be written at once.
func (p *Plan) allocateMetadata(a *allocator) {
	for i := range p.inodes {
		n := &p.inodes[i]
		if n.hasXattrs {
			n.xattrBlock = a.one()
		}
		if n.blocks > 0 {
			p.take(a, n, 0, int64(n.blocks))
			p.takeNodes(a, n)
		}
	}
}

// allocateFiles places the contents of files in the order of their inodes, and
// then the extent trees of those that are in many pieces.
func (p *Plan) allocateFiles(a *allocator) {
	for i := range p.inodes {
		n := &p.inodes[i]
		if n.entry == noEntry || p.tree.Entries[n.entry].Type != tree.Regular {
			continue
		}
		n.firstRun = int32(len(p.runs))
		for first, count := range p.tree.Entries[n.entry].BlockRuns(BlockSize) {
			p.runs = a.take(p.runs, first, count)
		}
		n.runs = int32(len(p.runs)) - n.firstRun
	}
	for i := range p.inodes {
		if n := &p.inodes[i]; n.nodes == 0 {
			p.takeNodes(a, n)
		}
	}
}

func (p *Plan) take(a *allocator, n *inode, logical, blocks int64) {
	n.firstRun = int32(len(p.runs))
	p.runs = a.take(p.runs, logical, blocks)
	n.runs = int32(len(p.runs)) - n.firstRun
}

// takeNodes places the blocks of n's extent tree.
func (p *Plan) takeNodes(a *allocator, n *inode) {
	n.firstNode = int32(len(p.nodes))
	for range extentBlocks(int(n.runs)) {
		p.nodes = append(p.nodes, a.one())
		n.nodes++
	}
}

// isDir reports whether n is a directory.
func (d *Draft) isDir(n *inode) bool {
	return n.entry == noEntry || d.tree.Entries[n.entry].Type == tree.Directory
}

func (p *Plan) runsOf(n *inode) []run { return p.runs[n.firstRun:][:n.runs] }

func (p *Plan) nodesOf(n *inode) []uint32 { return p.nodes[n.firstNode:][:n.nodes] }
