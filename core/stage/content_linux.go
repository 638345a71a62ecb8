package stage

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"banger/internal/sparse"
	"banger/sdk/tree"
)

const (
	// kernelBody is from how many bytes on the kernel copies a file: those
	// start on a block boundary in their pack, so that it can share blocks.
	kernelBody = 64 << 10

	// kernelChunk is how much it copies between two looks at the context.
	kernelChunk = 16 << 20
)

// content writes e's extents to fd, leaves holes between them, and holds what
// the packs have against the SHA-256 in e: a copy by the kernel is followed by
// a second look at the pack, which is in the page cache by then.
func (w *worker) content(ctx context.Context, e *tree.Entry, fd int) error {
	copied := false
	var err error
	if e.DataSize() >= kernelBody {
		if copied, err = w.kernelCopy(ctx, e, fd); err != nil {
			return err
		}
	}
	if copied {
		err = w.body.Read(ctx, e, sparse.Discard{})
	} else {
		err = w.body.Read(ctx, e, fileSink{fd, w.meter})
	}
	if err != nil {
		return err
	}
	if n := len(e.Extents); e.Size > 0 && (n == 0 || e.Extents[n-1].Offset+e.Extents[n-1].Length < e.Size) {
		return unix.Ftruncate(fd, e.Size)
	}
	return nil
}

// kernelCopy has the kernel copy e's extents with copy_file_range(2), which
// shares blocks where it can. It returns false where that does not work
// between the two files, which shows at the first call.
func (w *worker) kernelCopy(ctx context.Context, e *tree.Entry, fd int) (bool, error) {
	if w.noKernelCopy.Load() {
		return false, nil
	}
	for i := range e.Extents {
		x := &e.Extents[i]
		pack, err := w.packs.Pack(x.Layer)
		if err != nil {
			return false, fmt.Errorf("open pack of %s: %w", w.tree.Layers[x.Layer], err)
		}
		err = w.copyExtent(ctx, int(pack.Fd()), fd, x)
		if i == 0 && unsupported(err) {
			w.noKernelCopy.Store(true)
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (w *worker) copyExtent(ctx context.Context, from, to int, x *tree.Extent) error {
	src, dst := x.PackOffset, x.Offset
	for left := x.Length; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.CopyFileRange(from, &src, to, &dst, int(min(left, kernelChunk)), 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("copy_file_range: %w", err)
		}
		if n == 0 {
			return fmt.Errorf("%w: the pack of %s is too short", ErrContent, w.tree.Layers[x.Layer])
		}
		left -= int64(n)
		w.meter.add(int64(n))
	}
	return nil
}

// unsupported tells the errors by which copy_file_range(2) says that it, or a
// sandbox, will never do this: other filesystems, old kernels, seccomp.
func unsupported(err error) bool {
	for _, e := range []error{unix.EXDEV, unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// fileSink writes a file's data at its offsets.
type fileSink struct {
	fd    int
	meter *meter
}

func (s fileSink) Data(offset int64, p []byte) error {
	s.meter.add(int64(len(p)))
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
