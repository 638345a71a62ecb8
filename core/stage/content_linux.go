package stage

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"banger/internal/reflink"
	"banger/internal/sparse"
	"banger/sdk/tree"
)

const bufSize = 64 * reflink.Block // of what is read at a time

// content writes e's extents to fd, leaves holes between them, and holds what
// the packs have against the SHA-256 in e.
func (w *worker) content(ctx context.Context, e *tree.Entry, fd int) error {
	sink := fileSink{fd: fd, meter: w.meter, shared: w.share(e, fd)}
	if err := w.body.Read(ctx, e, sink); err != nil {
		return err
	}
	if n := len(e.Extents); e.Size > 0 && (n == 0 || e.Extents[n-1].Offset+e.Extents[n-1].Length < e.Size) {
		return unix.Ftruncate(fd, e.Size)
	}
	return nil
}

// share makes the whole blocks of a large file the packs', where the
// filesystem can do that, and says whether it did.
func (w *worker) share(e *tree.Entry, fd int) bool {
	if w.noShare.Load() || !sparse.Shareable(e) {
		return false
	}
	for i := range e.Extents {
		if w.shareExtent(&e.Extents[i], fd) != nil {
			w.noShare.Store(true)
			return false
		}
	}
	return true
}

func (w *worker) shareExtent(x *tree.Extent, fd int) error {
	pack, err := w.packs.Pack(x.Layer)
	if err != nil {
		return err
	}
	return reflink.Range(fd, x.Offset, int(pack.Fd()), x.PackOffset, reflink.Whole(x.Length))
}

// fileSink writes a file's data at its offsets.
type fileSink struct {
	fd     int
	meter  *meter
	shared bool // whole blocks are there already
}

// Data gets less than a block at the end of an extent alone: what it gets at a
// time are whole blocks else.
func (s fileSink) Data(offset int64, p []byte) error {
	s.meter.add(int64(len(p)))
	if s.shared {
		whole := reflink.Whole(int64(len(p)))
		p, offset = p[whole:], offset+whole
	}
	for len(p) > 0 {
		n, err := unix.Pwrite(s.fd, p, offset)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}

func (s fileSink) Hole(int64, int64) error { return nil }
