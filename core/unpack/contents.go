package unpack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"banger/core/layer"
	"banger/internal/tarread"
	"banger/sdk/tree"
)

// maxTarget bounds a symlink's target in bytes: symlink(2)'s PATH_MAX without
// the NUL.
const maxTarget = 4095

// contents is the last stage: it parses the tar and writes index and pack.
type contents struct {
	layer  *Layer
	limits *Limits

	in    *plainTar
	tar   *tarread.Reader
	index *layer.Writer
	pack  *packWriter
	sum   hash.Hash // of one file at a time
	counted
}

// counted is what the limits want to know of the entries so far.
type counted struct {
	entries int
	total   int64 // bytes of all files, holes included
}

func newContents(l *Layer, limits *Limits, in *plainTar, pack io.Writer) *contents {
	return &contents{
		layer: l, limits: limits, in: in,
		tar: tarread.NewReader(in, limits.HeaderSize), pack: newPackWriter(pack),
		sum: sha256.New(),
	}
}

// run reads the tar to its end. All is written when it returns nil, but for the
// index's footer.
func (c *contents) run(ctx context.Context, index io.Writer) (err error) {
	if c.index, err = layer.NewWriter(index); err != nil {
		return err
	}
	for {
		m, err := c.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", c.entries, c.explain(err))
		}
		if err := c.add(ctx, m); err != nil {
			return c.name(&m.Entry, err)
		}
		c.entries++
	}
	if err := readOut(c.in); err != nil {
		return err // of the stages before: the tar is over
	}
	return c.pack.flush()
}

// readOut reads in to its end.
func readOut(in tarread.Source) error {
	for {
		if _, err := in.Slice(chunkSize); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// explain says what an error of the tar reader means.
func (c *contents) explain(err error) error {
	switch {
	case errors.Is(err, tarread.ErrFormat):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, tarread.ErrHeaderSize):
		return fmt.Errorf("%w: %w", c.limits.exceeded(limitHeaderSize), err)
	}
	return err // of the stages before
}

// add puts one member into index and pack.
func (c *contents) add(ctx context.Context, m *tarread.Member) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.check(m); err != nil {
		return err
	}
	if m.Type == tree.Regular {
		if err := c.body(ctx, m); err != nil {
			return err
		}
	}
	return c.index.Add(&m.Entry)
}

// check refuses what no index may hold and what exceeds a limit.
func (c *contents) check(m *tarread.Member) error {
	switch {
	case m.Path == "":
		return fmt.Errorf("%w: no name", ErrCorrupt)
	case (m.Type == tree.Symlink || m.Type == tree.Hardlink) && m.Target == "":
		return fmt.Errorf("%w: a %s without a target", ErrCorrupt, m.Type)
	case m.Type == tree.Symlink && len(m.Target) > maxTarget:
		return fmt.Errorf("%w: symlink target of %d bytes, %d is the most", ErrCorrupt, len(m.Target), maxTarget)
	}
	if err := c.admit(&m.Entry, c.limits); err != nil {
		return err
	}
	if c.layer.Size >= 0 && c.limits.ratioExceeded(stored(m), c.layer.Size) {
		return c.limits.exceeded(limitRatio)
	}
	return nil
}

// admit counts the bytes of e, or refuses what exceeds a limit.
func (c *counted) admit(e *tree.Entry, limits *Limits) error {
	switch {
	case int64(c.entries) >= limits.Entries:
		return limits.exceeded(limitEntries)
	case depth(e.Path) > limits.PathDepth:
		return limits.exceeded(limitPathDepth)
	case e.Size > limits.FileSize:
		return limits.exceeded(limitFileSize)
	case e.Size > limits.TotalSize-c.total:
		return limits.exceeded(limitTotalSize)
	}
	c.total += e.Size
	return nil
}

// name says at which entry err was met.
func (c *counted) name(e *tree.Entry, err error) error {
	return fmt.Errorf("entry %d: %q: %w", c.entries, e.Path, err)
}

// depth counts the components of a name.
func depth(path string) int {
	n := 0
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			n++
		}
	}
	return n
}

func stored(m *tarread.Member) int64 {
	var n int64
	for _, s := range m.Segments {
		n += s.Length
	}
	return n
}

// body writes m's data to the pack, and sets its extents and its hash.
func (c *contents) body(ctx context.Context, m *tarread.Member) error {
	c.sum.Reset()
	var end int64
	for _, s := range m.Segments {
		if err := c.hole(ctx, s.Offset-end); err != nil {
			return err
		}
		if err := c.pack.begin(s); err != nil {
			return err
		}
		m.Extents = append(m.Extents, tree.Extent{Offset: s.Offset, PackOffset: c.pack.offset, Length: s.Length})
		if err := c.data(ctx, s.Length); err != nil {
			return err
		}
		end = s.Offset + s.Length
	}
	if err := c.hole(ctx, m.Size-end); err != nil {
		return err
	}
	c.sum.Sum(m.SHA256[:0])
	return nil
}

// data copies n bytes of the current member to the pack.
func (c *contents) data(ctx context.Context, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := c.tar.Slice(int(min(n, chunkSize)))
		if err != nil {
			return c.explain(err)
		}
		n -= int64(len(b))
		c.in.sumUpWith(c.sum)
		if err := c.pack.write(b); err != nil {
			return err
		}
	}
	return nil
}

// zeros is never written to.
var zeros [64 << 10]byte

// hole hashes n zeros.
func (c *contents) hole(ctx context.Context, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := min(n, int64(len(zeros)))
		_, _ = c.sum.Write(zeros[:k]) // a hash never fails
		n -= k
	}
	return nil
}
