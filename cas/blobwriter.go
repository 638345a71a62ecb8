package cas

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"

	"github.com/opencontainers/go-digest"
)

// blobWriter is the BlobWriter of a Store.
type blobWriter struct {
	s    *Store
	f    *os.File
	sum  hash.Hash
	size int64
	out  writeback
	err  error // of the first failed write, or that the writer has ended
}

// errEnded is what a writer returns after Commit or Abort.
var errEnded = errors.New("writer has ended")

// NewBlob implements [Blobs].
func (s *Store) NewBlob() (BlobWriter, error) {
	f, err := s.createTemp("blob")
	if err != nil {
		return nil, fmt.Errorf("begin blob: %w", Classify(err))
	}
	return s.blobWriterOf(f), nil
}

func (s *Store) blobWriterOf(f *os.File) *blobWriter {
	return &blobWriter{s: s, f: f, sum: sha256.New(), out: writeback{disk: &s.disk, f: f}}
}

func (w *blobWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.s.disk.write(w.f, p)
	w.sum.Write(p[:n])
	w.size += int64(n)
	if err == nil {
		err = w.out.upTo(w.size)
	}
	if err != nil {
		w.err = fmt.Errorf("write blob: %w", Classify(err))
	}
	return n, w.err
}

func (w *blobWriter) Size() int64 { return w.size }

func (w *blobWriter) Digest() digest.Digest {
	return digest.NewDigest(digest.SHA256, w.sum)
}

func (w *blobWriter) Commit(ctx context.Context, want digest.Digest, size int64) error {
	defer w.Abort()
	if err := w.commit(ctx, want, size); err != nil {
		return fmt.Errorf("commit blob %s: %w", w.Digest(), Classify(err))
	}
	return nil
}

func (w *blobWriter) commit(ctx context.Context, want digest.Digest, size int64) error {
	got := w.Digest()
	switch {
	case w.err != nil:
		return w.err
	case ctx.Err() != nil:
		return ctx.Err()
	case size >= 0 && size != w.size:
		return fmt.Errorf("%w: %d bytes, want %d", ErrMismatch, w.size, size)
	case want != "" && want != got:
		return fmt.Errorf("%w: want digest %.100q", ErrMismatch, string(want))
	}
	if err := w.s.seal(w.f, readOnly); err != nil {
		return err
	}
	return w.s.publish(ctx, kindBlob, got, w.f.Name(), checkSize(w.size))
}

func (w *blobWriter) Abort() {
	if errors.Is(w.err, errEnded) {
		return
	}
	w.err = errEnded
	_ = w.f.Close()
	_ = os.Remove(w.f.Name())
}
