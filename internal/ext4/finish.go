package ext4

import (
	"context"
	"fmt"
	"io"

	"banger/internal/sparse"
	"banger/sdk/tree"
)

// Bodies calls do for the inode of every regular file that has content, in the
// order in which they lie in the image: with the entry whose content it is,
// and where that goes; the last segment of a file may reach beyond its size.
// Segments are only valid during the call. What lies outside them are holes. An
// entry with more names than an inode can have comes several times.
func (p *Plan) Bodies(do func(entry int, segments []sparse.Segment) error) error {
	var segments []sparse.Segment
	for i := range p.inodes {
		n := &p.inodes[i]
		if n.runs == 0 || n.entry == noEntry || p.tree.Entries[n.entry].Type != tree.Regular {
			continue
		}
		segments = p.segments(segments[:0], n)
		if err := do(int(n.entry), segments); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) segments(list []sparse.Segment, n *inode) []sparse.Segment {
	for _, r := range p.runsOf(n) {
		s := sparse.Segment{Offset: int64(r.logical) * BlockSize, ImageOffset: int64(r.block) * BlockSize, Length: int64(r.length) * BlockSize}
		if k := len(list) - 1; k >= 0 && list[k].Offset+list[k].Length == s.Offset && list[k].ImageOffset+list[k].Length == s.ImageOffset {
			list[k].Length += s.Length
			continue
		}
		list = append(list, s)
	}
	return list
}

// Finish writes everything but the contents of files to w, which must read as
// zeros where nothing has been written. The superblock comes last: until then
// nothing takes the image for a filesystem. The contents may be written
// before, after or meanwhile.
func (p *Plan) Finish(ctx context.Context, w io.WriterAt) error {
	f := &finisher{Plan: p, ctx: ctx, out: blockWriter{w: w}}
	f.dir.format = &f.format
	for _, step := range []func() error{f.writeContent, f.writeJournal, f.writeResize, f.writeInodes, f.writeGroups, f.out.flush, f.writeSupers} {
		if err := step(); err != nil {
			return fmt.Errorf("write ext4 metadata: %w", err)
		}
	}
	return nil
}

type finisher struct {
	*Plan
	ctx    context.Context
	out    blockWriter
	dir    dirWriter
	groups []byte // all descriptors

	journalInode [InodeSize]byte
}

// writeContent writes what belongs to single inodes and is not in them, in
// the order in which it was placed.
func (f *finisher) writeContent() error {
	for i := range f.inodes {
		if err := f.ctx.Err(); err != nil {
			return err
		}
		if err := f.writeContentOf(&f.inodes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *finisher) writeContentOf(n *inode) error {
	if n.entry == noEntry {
		return f.writeDirectory(n, f.dir.names[:0])
	}
	e := &f.tree.Entries[n.entry]
	if n.xattrBlock != 0 {
		if err := f.out.put(n.xattrBlock, f.xattrBlockOf(n.xattrBlock, xattrsIn(e, true))); err != nil {
			return err
		}
	}
	switch {
	case e.Type == tree.Directory:
		return f.writeDirectory(n, f.direntsOf(f.dir.names[:0], int(n.entry)))
	case e.Type == tree.Symlink && n.runs > 0:
		var b [BlockSize]byte
		copy(b[:], e.Target)
		return f.out.put(f.runsOf(n)[0].block, b[:])
	}
	return nil
}

// xattrsIn returns the xattrs that go to the block, or those that go to the
// inode.
func xattrsIn(e *tree.Entry, block bool) []storedXattr {
	var list []storedXattr
	for _, s := range placeXattrs(e) {
		if s.why == "" && s.block == block {
			list = append(list, s)
		}
	}
	return list
}

func (f *finisher) writeDirectory(n *inode, names []dirent) error {
	w := &f.dir
	w.self, w.parent, w.names, w.shape = n.number, f.parentOf(n), names, f.shape(names, leastBlocks(n))
	runs := f.runsOf(n)
	var done uint32 // blocks of the first run
	w.put = func(b []byte) error {
		if done == runs[0].length {
			runs, done = runs[1:], 0
		}
		done++
		return f.out.put(runs[0].block+done-1, b)
	}
	return w.write()
}

// parentOf returns the inode of the directory that directory n is in.
func (f *finisher) parentOf(n *inode) uint32 {
	if n.entry == noEntry || n.number == RootInode {
		return RootInode
	}
	return f.numbers[f.tree.Index(tree.Dir(f.tree.Entries[n.entry].Path))]
}

// maxBlocksAtOnce bounds what a blockWriter writes at once, in bytes.
const maxBlocksAtOnce = 1 << 20

// blockWriter writes blocks, neighbours at once.
type blockWriter struct {
	w     io.WriterAt
	first int64
	buf   []byte
}

// put takes block n for writing. It copies b.
func (w *blockWriter) put(n uint32, b []byte) error {
	if w.buf == nil {
		w.buf = make([]byte, 0, maxBlocksAtOnce)
	}
	if len(w.buf) == cap(w.buf) || w.first+int64(len(w.buf))/BlockSize != int64(n) {
		if err := w.flush(); err != nil {
			return err
		}
		w.first = int64(n)
	}
	w.buf = append(w.buf, b...)
	return nil
}

// flush writes what has been put.
func (w *blockWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.w.WriteAt(w.buf, w.first*BlockSize)
	w.buf = w.buf[:0]
	return err
}
