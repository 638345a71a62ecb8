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
	file growing
	sum  hash.Hash
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
	return &blobWriter{s: s, file: growing{disk: &s.disk, f: f}, sum: sha256.New()}
}

func (w *blobWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.file.Write(p)
	w.sum.Write(p[:n])
	if err != nil {
		w.err = fmt.Errorf("write blob: %w", Classify(err))
	}
	return n, w.err
}

func (w *blobWriter) Size() int64 { return w.file.size }

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
	case size >= 0 && size != w.file.size:
		return fmt.Errorf("%w: %d bytes, want %d", ErrMismatch, w.file.size, size)
	case want != "" && want != got:
		return fmt.Errorf("%w: want digest %.100q", ErrMismatch, string(want))
	}
	if err := w.file.seal(w.s, readOnly); err != nil {
		return err
	}
	return w.s.publish(ctx, kindBlob, got, w.file.f.Name(), checkSize(w.file.size))
}

func (w *blobWriter) Abort() {
	if errors.Is(w.err, errEnded) {
		return
	}
	w.err = errEnded
	_ = w.file.f.Close()
	_ = os.Remove(w.file.f.Name())
}
