package ext4

import (
	"context"
	"fmt"
	"io"
)

// WriteContent writes the content of a regular file to w, holes as zeros. It
// uses buf, whose length should be a multiple of the block size.
func (m *Image) WriteContent(ctx context.Context, i *Inode, w io.Writer, buf []byte) error {
	if i.Mode&TypeMask != TypeRegular || i.Size < 0 {
		return fmt.Errorf("%w: inode %d is not a file", ErrFormat, i.Number)
	}
	c := contentReader{ctx: ctx, w: w, buf: buf, size: i.Size}
	bs := int64(m.super.BlockSize)
	err := m.eachRun(i, func(r fileRun) error {
		if int64(r.logical)*bs >= i.Size {
			return nil // preallocated beyond the end
		}
		if err := c.zeros(int64(r.logical) * bs); err != nil || r.unwritten {
			return err
		}
		return c.data(m.f, int64(r.block)*bs, int64(r.length)*bs)
	})
	if err == nil {
		err = c.zeros(i.Size)
	}
	if err != nil {
		return fmt.Errorf("read inode %d: %w", i.Number, err)
	}
	return nil
}

// contentReader is a file being written out.
type contentReader struct {
	ctx  context.Context
	w    io.Writer
	buf  []byte
	done int64
	size int64
}

// zeros writes zeros up to offset end.
func (c *contentReader) zeros(end int64) error {
	end = min(end, c.size)
	if c.done < end {
		clear(c.buf)
	}
	for c.done < end {
		if err := c.write(c.buf[:min(int64(len(c.buf)), end-c.done)]); err != nil {
			return err
		}
	}
	return nil
}

// data writes n bytes of f at offset at, as far as the file goes.
func (c *contentReader) data(f io.ReaderAt, at, n int64) error {
	for n = min(n, c.size-c.done); n > 0; {
		p := c.buf[:min(int64(len(c.buf)), n)]
		if k, err := f.ReadAt(p, at); k < len(p) {
			return err
		}
		if err := c.write(p); err != nil {
			return err
		}
		at, n = at+int64(len(p)), n-int64(len(p))
	}
	return nil
}

func (c *contentReader) write(p []byte) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	c.done += int64(len(p))
	_, err := c.w.Write(p)
	return err
}
