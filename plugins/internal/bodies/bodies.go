// Package bodies writes the contents of a tree's files into an image, each to
// where the image's plan puts it: several at once, small neighbours together,
// and large ones by sharing their blocks with the packs where the filesystem
// can. Every one is held against its SHA-256. Their order leaves no trace.
// Where banger puts contents into the user's file itself, it leaves them out.
package bodies

import (
	"context"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"banger/internal/sparse"
	"banger/sdk"
	"banger/sdk/tree"
)

const (
	maxWorkers = 8

	// batchSize is the most that is written at once.
	batchSize = 1 << 20

	// batchBody is the longest body that is written together with its
	// neighbours.
	batchBody = 256 << 10
)

// body is the content of one inode and where it goes.
type body struct {
	entry    int
	segments []sparse.Segment
}

// Plan calls do for the inode of every regular file that has content: with the
// entry of the tree whose content it is, and where that goes, in order of
// Offset. What lies outside the segments are holes, which are not written.
// Segments are only valid during the call. Neighbours in the image are best
// named one after the other.
type Plan func(do func(entry int, segments []sparse.Segment) error) error

// Write writes the contents of all files of t, the tree of req, into f, the
// image, which must read as zeros there, and reports its progress; or it leaves
// them all to banger, if that takes them. It returns the first error, which
// names the path where it is about one, or that of ctx; some are written by
// then.
func Write(ctx context.Context, req *sdk.Request, t *tree.Tree, plan Plan, f *os.File) error {
	if req.BodiesPath != "" {
		return plan(func(entry int, segments []sparse.Segment) error {
			return leave(ctx, req, &t.Entries[entry], segments, f)
		})
	}
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan []body)
	s := &shared{tree: t, packs: req.Packs(), image: f, meter: newMeter(req, t)}
	g.Go(func() error {
		defer close(batches)
		b := batcher{ctx: ctx, out: batches}
		if err := plan(b.add); err != nil {
			return err
		}
		return b.flush()
	})
	for range min(runtime.GOMAXPROCS(0), maxWorkers) {
		g.Go(func() error {
			w := newWorker(s)
			for b := range batches {
				if err := w.write(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// leave leaves one content to banger.
func leave(ctx context.Context, req *sdk.Request, e *tree.Entry, segments []sparse.Segment, f *os.File) error {
	for _, s := range segments {
		if err := req.CopyRange(ctx, f, s.ImageOffset, e, s.Offset, s.Length); err != nil {
			return err
		}
	}
	return nil
}

// batcher makes batches: of one large body, or of small ones that are next to
// each other in the image.
type batcher struct {
	ctx        context.Context
	out        chan<- []body
	next       []body
	first, end int64 // of next in the image
}

func (b *batcher) add(entry int, segments []sparse.Segment) error {
	n := segments[0].Length
	small := len(segments) == 1 && n <= batchBody
	if !small || segments[0].ImageOffset != b.end || b.end-b.first+n > batchSize {
		if err := b.flush(); err != nil {
			return err
		}
		b.first = segments[0].ImageOffset
	}
	b.next = append(b.next, body{entry, slices.Clone(segments)})
	b.end = segments[0].ImageOffset + n
	if !small {
		return b.flush()
	}
	return nil
}

func (b *batcher) flush() error {
	if len(b.next) == 0 {
		return nil
	}
	select {
	case b.out <- b.next:
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	b.next, b.end = nil, 0
	return nil
}
