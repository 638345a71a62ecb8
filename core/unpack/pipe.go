package unpack

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
)

const (
	chunkSize = 256 << 10
	// chunksPerPool bounds a stage's buffers, and with them how far it may run
	// ahead of the next.
	chunksPerPool = 8
)

// errUpstream tells a stage that the one before it failed; that one's error
// says why.
var errUpstream = errors.New("no more input")

// chunk is a buffer on its way through a pipe. Each of its holders releases it
// once and does not touch it again.
type chunk struct {
	data    []byte // what is filled of buf
	buf     []byte
	holders atomic.Int32
	home    chan *chunk
}

func (c *chunk) release() {
	if c.holders.Add(-1) == 0 {
		c.home <- c // never blocks: it has room for all its chunks
	}
}

// pool makes chunksPerPool chunks as they are needed and hands them out again
// when they were released. Only one goroutine may call get.
type pool struct {
	free chan *chunk
	made int
}

func newPool() *pool { return &pool{free: make(chan *chunk, chunksPerPool)} }

// get returns a chunk for so many holders, waiting for one to come back.
func (p *pool) get(ctx context.Context, holders int32) (*chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var c *chunk
	if len(p.free) == 0 && p.made < chunksPerPool {
		p.made++
		c = &chunk{buf: make([]byte, chunkSize), home: p.free}
	} else {
		select {
		case c = <-p.free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c.holders.Store(holders)
	return c, nil
}

// pipe takes chunks from one stage to the next, which reads it as an
// [io.Reader] or chunk by chunk. The writing side calls send, then close. A
// reading side that stops early drains the pipe, or ends the context with
// which the writing side waits for chunks.
type pipe struct {
	chunks chan *chunk  // has room for all chunks of a pool
	err    error        // set before chunks is closed
	cur    *chunk       // the reading side's, with
	rest   []byte       // what is left of it
	taken  atomic.Int64 // bytes that the reading side has got, but by chunks
}

func newPipe() *pipe { return &pipe{chunks: make(chan *chunk, chunksPerPool)} }

// send passes on a holding of c. It never blocks.
func (p *pipe) send(c *chunk) { p.chunks <- c }

// close ends the pipe; the reading side gets err, or io.EOF if that is nil.
func (p *pipe) close(err error) {
	p.err = err
	close(p.chunks)
}

// Slice implements [tarread.Source]: it reads on in the current chunk, waiting
// for the next one at its end.
func (p *pipe) Slice(most int) ([]byte, error) {
	for len(p.rest) == 0 {
		p.drop()
		c, ok := <-p.chunks
		if !ok {
			if p.err != nil {
				return nil, p.err
			}
			return nil, io.EOF
		}
		p.cur, p.rest = c, c.data
	}
	b := p.rest[:min(most, len(p.rest))]
	p.rest = p.rest[len(b):]
	p.taken.Add(int64(len(b)))
	return b, nil
}

// Read implements [io.Reader].
func (p *pipe) Read(b []byte) (int, error) {
	s, err := p.Slice(len(b))
	return copy(b, s), err
}

// WriteTo implements [io.WriterTo], a chunk at a time.
func (p *pipe) WriteTo(w io.Writer) (n int64, err error) {
	for {
		b, err := p.Slice(chunkSize)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		k, err := w.Write(b)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}

// drop releases the current chunk.
func (p *pipe) drop() {
	if p.cur != nil {
		p.cur.release()
	}
	p.cur, p.rest = nil, nil
}

// drain releases all chunks that are there or still come, until the writing
// side closes the pipe.
func (p *pipe) drain() {
	p.drop()
	for c := range p.chunks {
		c.release()
	}
}
