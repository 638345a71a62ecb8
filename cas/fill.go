package cas

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"banger/internal/reflink"
	"banger/internal/zeros"
)

const (
	// copyStep is how many bytes are copied at a time, between two looks at
	// the context.
	copyStep = 1 << 20

	// copyBuffers is how many steps are in memory at most.
	copyBuffers = 4
)

// stepBuffers are buffers of copyStep bytes: an output is often filled in two goes.
var stepBuffers = sync.Pool{New: func() any { return new([copyStep]byte) }}

// fill makes the empty output the image of src. Where the filesystem cannot
// share blocks it reads and writes large pieces: copy_file_range(2) copies page
// by page there, and takes longer.
func (d *disk) fill(ctx context.Context, out *outFile, src *source) error {
	// It fails where the filesystem cannot share, or the output is on another.
	cloned := d.clone(out, src.f) == nil
	if cloned && len(src.bodies) == 0 {
		return nil
	}
	c := &copier{disk: d, dst: out.f, cloned: cloned, shares: cloned, bridge: reflink.Block - 1}
	return c.copy(ctx, src.m.Size, src.pieces())
}

// fillBodies fills the empty output with the bodies of src, and with zeros
// between those that are close together.
func (d *disk) fillBodies(ctx context.Context, out *outFile, src *source) error {
	c := &copier{disk: d, dst: out.f, shares: true, bridge: reflink.Block - 1}
	return c.copy(ctx, src.m.Size, src.onlyBodies())
}

// fillRest fills an output that has the bodies of src with all else.
func (d *disk) fillRest(ctx context.Context, out *outFile, src *source) error {
	c := &copier{disk: d, dst: out.f, shares: true}
	return c.copy(ctx, src.m.Size, src.aroundBodies())
}

// copy copies pieces to an image of that size.
func (c *copier) copy(ctx context.Context, size int64, pieces iter.Seq2[piece, error]) error {
	if err := c.dst.Truncate(size); err != nil {
		return err
	}
	c.batches, c.filled, c.empty = make(chan []piece), make(chan part, copyBuffers), make(chan []byte, copyBuffers)
	for range copyBuffers {
		buf := stepBuffers.Get().(*[copyStep]byte)
		defer stepBuffers.Put(buf)
		c.empty <- buf[:]
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(c.filled)
		return c.readAll(ctx, pieces)
	})
	g.Go(func() error { return c.write(ctx) })
	return g.Wait()
}

// copier copies the pieces of an image. One goroutine writes, since a filesystem
// lets one write to a file at a time, and others read meanwhile.
type copier struct {
	disk    *disk
	dst     *os.File
	cloned  bool  // dst shares the blocks of the image's file
	shares  bool  // dst may share those of others
	bridge  int64 // how many bytes between pieces are made zeros, to write once
	batches chan []piece
	empty   chan []byte
	filled  chan part

	next []piece // of batch, and where it begins and ends
	at   int64
	end  int64
}

// part is what is written at once.
type part struct {
	at  int64
	buf []byte
}

// readAll reads all pieces.
func (c *copier) readAll(ctx context.Context, pieces iter.Seq2[piece, error]) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(c.batches)
		return c.batch(ctx, pieces)
	})
	for range min(runtime.GOMAXPROCS(0), copyBuffers/2) {
		g.Go(func() error { return c.read(ctx) })
	}
	return g.Wait()
}

// batch sends out pieces that are next to each other in the image together.
func (c *copier) batch(ctx context.Context, pieces iter.Seq2[piece, error]) error {
	for p, err := range pieces {
		if err != nil {
			return err
		}
		if c.shares {
			if p, err = c.share(ctx, p); err != nil {
				return err
			}
		}
		for p.n > 0 {
			first := p
			first.n = min(p.n, copyStep)
			if err := c.add(ctx, first); err != nil {
				return err
			}
			p.at, p.off, p.n = p.at+first.n, p.off+first.n, p.n-first.n
		}
	}
	return c.flush(ctx)
}

// add puts a piece into the batch, or begins a new one with it.
func (c *copier) add(ctx context.Context, p piece) error {
	if p.at-c.end > c.bridge || p.at+p.n-c.at > copyStep {
		if err := c.flush(ctx); err != nil {
			return err
		}
	}
	if len(c.next) == 0 {
		c.at = p.at
	}
	c.next, c.end = append(c.next, p), p.at+p.n
	return nil
}

func (c *copier) flush(ctx context.Context) error {
	if len(c.next) == 0 {
		return ctx.Err()
	}
	select {
	case c.batches <- c.next:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.next = make([]piece, 0, cap(c.next))
	return nil
}

// share has dst share what it can of a piece, and returns what is left to be
// copied: what is small, or not at the boundaries of blocks.
func (c *copier) share(ctx context.Context, p piece) (piece, error) {
	if !p.body && c.cloned { // dst has it, and what lies beside it in a batch must not cover it
		return piece{}, c.flush(ctx)
	}
	if p.n < reflink.Large || !reflink.Aligned(p.at, p.off) {
		return p, nil
	}
	whole := reflink.Whole(p.n)
	if c.disk.cloneRange(c.dst, p.at, p.from, p.off, whole) != nil {
		c.shares = c.cloned
		return p, nil
	}
	p.at, p.off, p.n = p.at+whole, p.off+whole, p.n-whole
	return p, nil
}

// read reads batches as they come.
func (c *copier) read(ctx context.Context) error {
	for batch := range c.batches {
		var buf []byte
		select {
		case buf = <-c.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
		p, err := gather(batch, buf)
		if err != nil {
			return err
		}
		select {
		case c.filled <- p:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// gather reads a batch into buf.
func gather(batch []piece, buf []byte) (part, error) {
	first, last := batch[0].at, batch[len(batch)-1]
	buf = buf[:last.at+last.n-first]
	end := first
	for _, p := range batch {
		clear(buf[end-first : p.at-first])
		end = p.at + p.n
	}
	for len(batch) > 0 {
		n := neighbours(batch)
		if err := readPieces(batch[:n], first, buf); err != nil {
			return part{}, err
		}
		batch = batch[n:]
	}
	return part{first, buf}, nil
}

// maxVectors is IOV_MAX, the most that readv(2) takes.
const maxVectors = 1024

// neighbours counts the pieces at the beginning of batch, at least one, that
// follow each other in one file, as small files do in a pack.
func neighbours(batch []piece) int {
	n := 1
	for n < min(len(batch), maxVectors) && batch[n].from == batch[0].from && batch[n].off == batch[n-1].off+batch[n-1].n {
		n++
	}
	return n
}

// readPieces reads neighbours at once, and one by one if that does not work.
// buf begins at first in the image.
func readPieces(list []piece, first int64, buf []byte) error {
	if len(list) > 1 && readVectors(list, first, buf) {
		return nil
	}
	for _, p := range list {
		if _, err := p.from.ReadAt(buf[p.at-first:][:p.n], p.off); err != nil {
			return fmt.Errorf("read %d bytes at %d of %s: %w", p.n, p.off, p.from.Name(), err)
		}
	}
	return nil
}

func readVectors(list []piece, first int64, buf []byte) bool {
	vectors := make([][]byte, len(list))
	want := 0
	for i, p := range list {
		vectors[i] = buf[p.at-first:][:p.n]
		want += int(p.n)
	}
	n, err := unix.Preadv(int(list[0].from.Fd()), vectors, list[0].off)
	return err == nil && n == want
}

// write writes what has been read. What holds only zeros stays a hole where
// there is nothing yet.
func (c *copier) write(ctx context.Context) error {
	for p := range c.filled {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.cloned || !zeros.Only(p.buf) {
			c.disk.reserve(c.dst, p.at, int64(len(p.buf)))
			if _, err := c.disk.writeAt(c.dst, p.buf, p.at); err != nil {
				return err
			}
		}
		c.empty <- p.buf[:copyStep]
	}
	return nil
}
