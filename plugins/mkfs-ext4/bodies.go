package mkfsext4

import (
	"context"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"banger/internal/ext4"
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
	segments []ext4.Segment
}

// writeBodies writes the contents of all files into f, several at once. Where
// each goes is the plan's, so the order does not matter.
func writeBodies(ctx context.Context, req *sdk.Request, t *tree.Tree, plan *ext4.Plan, f *os.File) error {
	g, ctx := errgroup.WithContext(ctx)
	batches := make(chan []body)
	s := &shared{tree: t, packs: req.Packs(), image: f, meter: newMeter(req, t)}
	g.Go(func() error {
		defer close(batches)
		b := batcher{ctx: ctx, out: batches}
		if err := plan.Bodies(b.add); err != nil {
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

// batcher makes batches: of one large body, or of small ones that are next to
// each other in the image.
type batcher struct {
	ctx        context.Context
	out        chan<- []body
	next       []body
	first, end int64 // of next in the image
}

func (b *batcher) add(entry int, segments []ext4.Segment) error {
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
