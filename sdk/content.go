package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Copy copies the content of a regular file of the tree, or of a further name
// of one, to dst from the byte offset on, for InputTree. On Linux the kernel does
// the copying, and shares the blocks where filesystem and alignment let it:
// copy_file_range(2). Holes are not written: dst must be new there, or zeros.
func (r *Request) Copy(ctx context.Context, dst *os.File, offset int64, e *tree.Entry) error {
	inode, err := r.inode(e)
	if err != nil {
		return err
	}
	for _, x := range inode.Extents {
		pack, err := r.Packs().Pack(x.Layer)
		if err == nil {
			err = copyRange(ctx, dst, offset+x.Offset, pack, x.PackOffset, x.Length)
		}
		if err != nil {
			return fmt.Errorf("copy %q: %w", e.Path, err)
		}
	}
	return nil
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
