package cas

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"banger/internal/zeros"
)

// hashStep is how many bytes are hashed at a time: they stay in a core's cache.
const hashStep = 256 << 10

// hashChunks returns the SHA-256 of each chunk of f in hex, nil for one of
// zeros. Holes are not read. Each core takes chunks as they come, with a
// buffer of hashStep bytes. onZero, if not nil, is told of each chunk that
// was read and held only zeros; it may be called from several goroutines.
func hashChunks(ctx context.Context, f *os.File, size int64, onZero func(off, n int64)) ([]*string, error) {
	if size > MaxArtifactSize {
		return nil, fmt.Errorf("%w: %d bytes, where %d are allowed", ErrTooLarge, size, int64(MaxArtifactSize))
	}
	sums := make([]*string, chunkCount(size))
	jobs := make(chan int64)
	workers, ctx := errgroup.WithContext(ctx)
	workers.Go(func() error {
		defer close(jobs)
		return sendChunks(ctx, f, size, jobs)
	})
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() error {
			buf := make([]byte, hashStep)
			for i := range jobs {
				off := i * chunkSize
				n := min(chunkSize, size-off)
				sum, err := hashChunk(ctx, f, off, n, buf)
				if err != nil {
					return err
				}
				if sums[i] = sum; sum == nil && onZero != nil {
					onZero(off, n)
				}
			}
			return nil
		})
	}
	return sums, workers.Wait()
}

// sendChunks sends the number of each chunk that is not all hole.
func sendChunks(ctx context.Context, f *os.File, size int64, jobs chan<- int64) error {
	next := int64(0)
	for e, err := range extents(f, size) {
		if err != nil {
			return err
		}
		for next = max(next, e.start/chunkSize); next*chunkSize < e.end; next++ {
			select {
			case jobs <- next:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// hashChunk hashes n bytes at off, and returns nil when all are zero.
func hashChunk(ctx context.Context, f *os.File, off, n int64, buf []byte) (*string, error) {
	r := io.NewSectionReader(f, off, n)
	sum, zero := sha256.New(), true
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := buf[:min(n, int64(len(buf)))]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, fmt.Errorf("read chunk at %d: %w", off, err)
		}
		zero = zero && zeros.Only(part)
		_, _ = sum.Write(part) // a hash never fails
		n -= int64(len(part))
	}
	if zero {
		return nil, nil
	}
	text := hex.EncodeToString(sum.Sum(nil))
	return &text, nil
}
