package unpack

import (
	"context"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
)

// maxEmptyReads in a row make a reader count as stuck, as in bufio.
const maxEmptyReads = 100

// fetcher is the first stage: it reads the blob, hashes it and writes it out.
type fetcher struct {
	r        io.Reader
	layer    *Layer
	blob     io.Writer
	limits   *Limits
	progress func(int64)

	// Once run is done:
	digest digest.Digest // of what was read
	size   int64
	err    error
}

func (f *fetcher) run(ctx context.Context, out *pipe) {
	own := hasher(f.layer.Digest)
	sum, result := io.Writer(own.Hash()), own.Digest
	if w, ok := f.blob.(interface{ Digest() digest.Digest }); ok && own.Digest().Algorithm() == digest.SHA256 {
		sum, result = io.Discard, w.Digest
	}
	if f.err = f.copy(ctx, out, sum); f.err != nil {
		out.close(errUpstream)
	} else {
		out.close(nil)
	}
	f.digest = result()
}

func (f *fetcher) copy(ctx context.Context, out *pipe, sum io.Writer) error {
	chunks := newPool()
	for {
		c, err := chunks.get(ctx, 1)
		if err != nil {
			return err
		}
		n, end, readErr := f.fill(ctx, c.buf)
		c.data = c.buf[:n]
		_, _ = sum.Write(c.data) // a hash never fails
		if f.blob != nil && n > 0 {
			if _, err := f.blob.Write(c.data); err != nil {
				c.release()
				return fmt.Errorf("write blob: %w", err)
			}
		}
		out.send(c)
		if readErr != nil {
			return readErr
		}
		if end {
			return f.checkSize()
		}
	}
}

// fill reads until buf is full, and says when that was the end of the input.
// It returns an error when there is more of it than there may be.
func (f *fetcher) fill(ctx context.Context, buf []byte) (n int, end bool, err error) {
	for empty := 0; n < len(buf); empty++ {
		if err := ctx.Err(); err != nil {
			return n, false, err
		}
		k, err := f.r.Read(buf[n:])
		if k > 0 {
			n, empty = n+k, 0
			f.size += int64(k)
			if f.progress != nil {
				f.progress(f.size)
			}
			if tooLong := f.checkLength(); tooLong != nil {
				return n, false, tooLong
			}
		}
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, fmt.Errorf("read blob: %w", err)
		}
		if empty == maxEmptyReads {
			return n, false, fmt.Errorf("read blob: %w", io.ErrNoProgress)
		}
	}
	return n, false, nil
}

// checkLength stops what is longer than it should be, or, when nobody knows,
// longer than any layer may be.
func (f *fetcher) checkLength() error {
	switch want := f.layer.Size; {
	case want >= 0 && f.size > want:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrDigest, want)
	case want < 0 && f.size > f.limits.TotalSize:
		return f.limits.exceeded(limitTotalSize)
	}
	return nil
}

func (f *fetcher) checkSize() error {
	if want := f.layer.Size; want >= 0 && f.size != want {
		return fmt.Errorf("%w: it ends after %d of %d bytes", ErrDigest, f.size, want)
	}
	return nil
}
