package bodies

import (
	"context"
	"os"
	"sync/atomic"

	"banger/internal/reflink"
	"banger/internal/sparse"
	"banger/sdk"
	"banger/sdk/tree"
)

// shared is what the workers of one build share.
type shared struct {
	tree    *tree.Tree
	packs   tree.Packs
	image   *os.File
	meter   *meter
	noClone atomic.Bool // packs and image cannot share blocks
}

// worker writes bodies. Every file's SHA-256 is checked.
type worker struct {
	*shared
	body  sparse.Reader
	batch []byte
}

func newWorker(s *shared) *worker {
	return &worker{
		shared: s, body: sparse.Reader{Tree: s.tree, Packs: s.packs, Buf: make([]byte, batchSize)},
		batch: make([]byte, batchSize),
	}
}

// write writes one batch.
func (w *worker) write(ctx context.Context, list []body) error {
	if len(list) == 1 {
		return w.single(ctx, &list[0])
	}
	first := list[0].segments[0].ImageOffset
	last := list[len(list)-1].segments[0]
	buf := w.batch[:last.ImageOffset+last.Length-first]
	clear(buf)
	for _, b := range list {
		sink := memory{buf[b.segments[0].ImageOffset-first:], b.segments[0].Offset}
		if err := w.body.Read(ctx, w.entry(&b), sink); err != nil {
			return err
		}
	}
	_, err := w.image.WriteAt(buf, first)
	w.meter.add(int64(len(buf)))
	return err
}

func (w *worker) entry(b *body) *tree.Entry { return &w.tree.Entries[b.entry] }

// single writes one body, by sharing its blocks with the pack if that can be.
// What is shared is held against its SHA-256 afterwards.
func (w *worker) single(ctx context.Context, b *body) error {
	e := w.entry(b)
	sink := &segmentSink{image: w.image, left: b.segments, meter: w.meter}
	if w.clone(b) {
		return w.body.Read(ctx, e, cloned{sink})
	}
	return w.body.Read(ctx, e, sink)
}

// memory takes a body in memory, from its byte first on.
type memory struct {
	buf   []byte
	first int64
}

func (m memory) Data(offset int64, p []byte) error { copy(m.buf[offset-m.first:], p); return nil }
func (m memory) Hole(int64, int64) error           { return nil }

// segmentSink writes a body to the places of its segments.
type segmentSink struct {
	image *os.File
	left  []sparse.Segment
	meter *meter
}

func (s *segmentSink) Data(offset int64, p []byte) error {
	for len(p) > 0 {
		for offset >= s.left[0].Offset+s.left[0].Length {
			s.left = s.left[1:]
		}
		at := &s.left[0]
		n := min(int64(len(p)), at.Offset+at.Length-offset)
		if _, err := s.image.WriteAt(p[:n], at.ImageOffset+offset-at.Offset); err != nil {
			return err
		}
		s.meter.add(n)
		offset, p = offset+n, p[n:]
	}
	return nil
}

func (s *segmentSink) Hole(int64, int64) error { return nil }

// cloned is the sink of a body whose whole blocks are in the image already.
type cloned struct{ *segmentSink }

// Data writes the end of the body, which does not fill a block.
func (c cloned) Data(offset int64, p []byte) error {
	whole := reflink.Whole(int64(len(p)))
	c.meter.add(whole)
	if whole == int64(len(p)) {
		return nil
	}
	return c.segmentSink.Data(offset+whole, p[whole:])
}

// meter tells how many bytes have been written.
type meter struct {
	req   *sdk.Request
	total int64
	done  atomic.Int64
}

func newMeter(req *sdk.Request, t *tree.Tree) *meter {
	return &meter{req: req, total: t.Usage(1).Data}
}

func (m *meter) add(n int64) {
	m.req.Progress(sdk.Progress{Phase: "write", Done: min(m.done.Add(n), m.total), Total: m.total, Unit: "bytes"})
}
