package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"banger/internal/zeros"
	"banger/sdk/tree"
)

// IsZero reports whether p holds nothing but zeros, so that a hole can stand
// for it. It reads about as fast as memory lets it.
func IsZero(p []byte) bool { return zeros.Only(p) }

// errNoFile is the error about content of what has none.
var errNoFile = errors.New("not a regular file")

// Open returns the content of a regular file of the tree, or of a further name
// of one, for InputTree: read, skipped through, or read by range; holes read
// as zeros. It is valid until the build ends, and may be used from several
// goroutines through ReadAt. It is not held against Entry.SHA256: a builder
// that reads a file from end to end can do that in passing.
func (r *Request) Open(e *tree.Entry) (*io.SectionReader, error) {
	inode, err := r.inode(e)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(&content{inode, r.Packs()}, 0, inode.Size), nil
}

// Copy has dst hold the content of a regular file of the tree, or of a further
// name of one, from the byte offset on, for InputTree. Holes are not written:
// dst must be new there, or zeros.
//
// Where dst is the file at Output and banger takes bodies, Copy writes nothing:
// it makes dst long enough and notes what is missing, and banger fills it in
// when it makes the user's file, which spares the store the bytes and a reader
// the copying. So do not read there, write nothing over it, and leave dst at
// Output; or use [Request.CopyNow].
func (r *Request) Copy(ctx context.Context, dst *os.File, offset int64, e *tree.Entry) error {
	return r.CopyRange(ctx, dst, offset, e, 0, math.MaxInt64)
}

// CopyRange is Copy for length bytes of the content, those from the byte from
// on. They may reach beyond its end.
func (r *Request) CopyRange(ctx context.Context, dst *os.File, offset int64, e *tree.Entry, from, length int64) error {
	return r.eachBody(ctx, e, from, length, func(b Body) error {
		b.Offset += offset
		if left, err := r.leave(dst, b); left || err != nil {
			return err
		}
		return r.copyBody(ctx, dst, b)
	})
}

// CopyNow is Copy that always writes. On Linux the kernel does the copying, and
// shares the blocks where filesystem and alignment let it: copy_file_range(2).
func (r *Request) CopyNow(ctx context.Context, dst *os.File, offset int64, e *tree.Entry) error {
	return r.eachBody(ctx, e, 0, math.MaxInt64, func(b Body) error {
		b.Offset += offset
		return r.copyBody(ctx, dst, b)
	})
}

// eachBody calls do with where the data of a range of e's content is, and with
// offsets that count from the beginning of the range.
func (r *Request) eachBody(ctx context.Context, e *tree.Entry, from, length int64, do func(Body) error) error {
	inode, err := r.inode(e)
	if err != nil {
		return err
	}
	stop := int64(math.MaxInt64)
	if length < stop-from {
		stop = from + length
	}
	for _, x := range inode.Extents {
		first, end := max(from, x.Offset), min(stop, x.Offset+x.Length)
		if first >= end {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b := Body{Offset: first - from, Layer: x.Layer, PackOffset: x.PackOffset + first - x.Offset, Length: end - first}
		if err := do(b); err != nil {
			return fmt.Errorf("copy %q: %w", e.Path, err)
		}
	}
	return nil
}

// copyBody writes the bytes of b to dst.
func (r *Request) copyBody(ctx context.Context, dst *os.File, b Body) error {
	pack, err := r.Packs().Pack(b.Layer)
	if err != nil {
		return err
	}
	return copyRange(ctx, dst, b.Offset, pack, b.PackOffset, b.Length)
}

// inode returns the entry that has e's content.
func (r *Request) inode(e *tree.Entry) (*tree.Entry, error) {
	if e.Type == tree.Hardlink {
		t, err := r.Tree()
		if err != nil {
			return nil, err
		}
		if first := t.Lookup(e.Target); first != nil {
			e = first
		}
	}
	if e.Type != tree.Regular {
		return nil, fmt.Errorf("content of %q: %w but a %s", e.Path, errNoFile, e.Type)
	}
	return e, nil
}

// copyChunk is how much is copied between two looks at the context, in bytes.
const copyChunk = 16 << 20

// copyPlain copies length bytes through memory.
func copyPlain(ctx context.Context, dst *os.File, to int64, src *os.File, from, length int64) error {
	w := io.NewOffsetWriter(dst, to)
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := io.CopyN(w, io.NewSectionReader(src, from, length), min(length, copyChunk))
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		from, length = from+n, length-n
	}
	return nil
}

// content is a regular file's content as an io.ReaderAt.
type content struct {
	entry *tree.Entry
	packs tree.Packs
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, offset int64) (int, error) {
	end := min(offset+int64(len(p)), c.entry.Size)
	if offset >= end {
		return 0, io.EOF
	}
	n := int(end - offset)
	clear(p[:n])
	for _, x := range c.entry.Extents {
		from, to := max(offset, x.Offset), min(end, x.Offset+x.Length)
		if from >= to {
			continue
		}
		pack, err := c.packs.Pack(x.Layer)
		if err != nil {
			return 0, err
		}
		if _, err := pack.ReadAt(p[from-offset:to-offset], x.PackOffset+from-x.Offset); err != nil {
			return 0, fmt.Errorf("read %q: %w", c.entry.Path, err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
