package sdk

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copyRange has the kernel copy length bytes, or does so itself where the
// kernel cannot.
func copyRange(ctx context.Context, dst *os.File, to int64, src *os.File, from, length int64) error {
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		in, out := from, to
		n, err := unix.CopyFileRange(int(src.Fd()), &in, int(dst.Fd()), &out, int(min(length, copyChunk)), 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EIO):
			return err
		case err != nil: // these two filesystems, or this kernel, cannot
			return copyPlain(ctx, dst, to, src, from, length)
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		from, to, length = from+int64(n), to+int64(n), length-int64(n)
	}
	return nil
}
