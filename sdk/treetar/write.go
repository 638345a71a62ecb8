// Package treetar writes a flattened tree as a tar stream.
//
// The stream depends on the tree alone: equal trees give equal bytes. The root
// comes first as "./", everything else by its path without a leading "./"
// ("etc/passwd"), directories with a trailing slash. Each directory is
// followed by all that lies below it, names in byte order, since GNU tar
// finishes a directory when it sees something outside it. (That is not quite
// a tree's order, which has "a-b" between "a" and "a/b".) Of the names of an
// inode the first in this order has the content, the others are links to it
// with the same attributes.
//
// All metadata of a tree is kept, in plain ustar headers where they can say it
// and in pax headers where they cannot:
//
//   - long names and targets, numbers past the octal fields, times before
//     1970, past 2242 or with fractions: the records of POSIX pax(1);
//   - xattrs: SCHILY.xattr.NAME with the raw value, or where NAME holds "="
//     LIBARCHIVE.xattr.NAME, which escapes it;
//   - names that are not UTF-8: as they are, announced in pax headers with
//     hdrcharset=BINARY so that no reader converts them;
//   - device numbers past 21 bits: base-256, as GNU tar writes them;
//   - files with holes, where that saves room: GNU sparse format 1.0.
//
// GNU tar, bsdtar and Go's archive/tar read all of this, with these
// exceptions of theirs: GNU tar and Go do not undo LIBARCHIVE.xattr's
// escaping, and bsdtar 3.6 misreads fractions of seconds before 1970. The
// stream ends with two zero blocks and is padded to a multiple of 10 KiB.
//
// What does not survive: the extents of sparse files are rounded to whole
// blocks of 512 bytes or more, and holes too small to save room are zeros.
package treetar

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"banger/internal/sparse"
	"banger/sdk/tree"
)

const (
	blockSize  = 512
	recordSize = 20 * blockSize // what tar(1) writes at once, and pads to

	bufferSize = 256 << 10
)

// ErrContent is wrapped by the error of [Write] about a file whose pack does
// not hold the content that the tree says.
var ErrContent = sparse.ErrContent

// Write writes t to w. Each file's SHA-256 is checked in passing; where a
// pack does not hold what the tree says the error wraps [ErrContent] and
// names the path, and the stream is left without its end. Write looks at ctx
// between writes, so a w that can block for ever is the caller's to unblock.
// Besides the tree and an index of its entries it takes a few megabytes of
// memory at most, however large the files are.
func Write(ctx context.Context, w io.Writer, t *tree.Tree, packs tree.Packs) error {
	tw := &writer{
		out:  &counter{w: w},
		tree: t,
		body: sparse.Reader{Tree: t, Packs: packs, Buf: make([]byte, bufferSize)},
	}
	tw.w = bufio.NewWriterSize(tw.out, bufferSize)
	err := eachMember(t, func(m *member) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return tw.member(ctx, m)
	})
	if err != nil {
		return fmt.Errorf("write tar: %w", err)
	}
	if err := tw.close(); err != nil {
		return fmt.Errorf("write tar: %w", err)
	}
	return nil
}

type writer struct {
	out  *counter
	w    *bufio.Writer
	tree *tree.Tree
	body sparse.Reader
	pax  records
}

// counter counts what reaches the underlying writer.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (w *writer) offset() int64 { return w.out.n + int64(w.w.Buffered()) }

func (w *writer) member(ctx context.Context, m *member) error {
	if m.typ != tree.Regular {
		return w.header(m, nil)
	}
	regions := sparseRegions(m.inode)
	if err := w.header(m, regions); err != nil {
		return err
	}
	var sink sparse.Sink = plainSink{w.w}
	if regions != nil {
		if _, err := w.w.Write(sparseMap(regions)); err != nil {
			return err
		}
		sink = &regionSink{w: w.w, regions: regions}
	}
	if err := w.body.Read(ctx, m.inode, sink); err != nil {
		return err
	}
	return w.pad(blockSize)
}

// pad writes zeros up to the next multiple of unit.
func (w *writer) pad(unit int64) error {
	return writeZeros(w.w, (unit-w.offset()%unit)%unit)
}

func (w *writer) close() error {
	if err := writeZeros(w.w, 2*blockSize); err != nil {
		return err
	}
	if err := w.pad(recordSize); err != nil {
		return err
	}
	return w.w.Flush()
}
