package tree

import (
	"iter"
	"math"
)

// Usage is what a tree holds, summed up for whoever plans the size of an
// image or shows how far one is. A sum of more than math.MaxInt64 is that.
type Usage struct {
	Entries     int64 // all of them, the root and hardlinks too
	Hardlinks   int64 // further names: Entries less these are the inodes
	Directories int64 // with the root

	Bytes  int64 // the sizes of files, holes included
	Data   int64 // of these what is not a hole
	Blocks int64 // blocks that hold data of files; no two files share one

	Names      int64 // bytes of all names, without what leads to them
	Targets    int64 // bytes of symlinks' targets
	Xattrs     int64 // how many there are
	XattrBytes int64 // of names and values
}

// Usage sums up t for blocks of so many bytes, at least 1, in one pass.
func (t *Tree) Usage(block int64) Usage {
	var u Usage
	for i := range t.Entries {
		u.add(&t.Entries[i], block)
	}
	return u
}

// add counts an entry.
func (u *Usage) add(e *Entry, block int64) {
	u.Entries++
	u.Names = sum(u.Names, int64(len(Base(e.Path))))
	switch e.Type {
	case Directory:
		u.Directories++
	case Hardlink:
		u.Hardlinks++
	case Symlink:
		u.Targets = sum(u.Targets, int64(len(e.Target)))
	case Regular:
		u.Bytes, u.Data = sum(u.Bytes, e.Size), sum(u.Data, e.DataSize())
		for _, n := range e.BlockRuns(block) {
			u.Blocks = sum(u.Blocks, n)
		}
	}
	for _, x := range e.Xattrs {
		u.Xattrs++
		u.XattrBytes = sum(u.XattrBytes, int64(len(x.Name)+len(x.Value)))
	}
}

// BlockRuns yields the blocks of a file that hold data, as runs without a hole
// between them: the number of the first block of a run, and how many it has.
// Blocks have so many bytes, at least 1; one that is partly a hole holds data.
func (e *Entry) BlockRuns(block int64) iter.Seq2[int64, int64] {
	return func(yield func(first, count int64) bool) {
		var first, end int64 // of the run that goes on
		for _, x := range e.Extents {
			from, to := x.Offset/block, (x.Offset+x.Length-1)/block+1
			if from > end {
				if first < end && !yield(first, end-first) {
					return
				}
				first = from
			}
			end = max(end, to)
		}
		if first < end {
			yield(first, end-first)
		}
	}
}

// sum adds what is not negative, up to the largest number.
func sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
