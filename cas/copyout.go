package cas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// CopyOptions say how [Store.CopyOut] copies.
type CopyOptions struct {
	// Fsync makes the copy and its name durable before CopyOut returns.
	Fsync bool
}

// CopyOut makes the caller's own copy of an artifact's image at dst: a
// reflink where the filesystem can, else a copy with the same holes. It
// treats dst as [WriteOutput] does.
func (s *Store) CopyOut(ctx context.Context, a Artifact, dst string, opts CopyOptions) error {
	src, err := s.openArtifact(a)
	if err != nil {
		return fmt.Errorf("copy artifact to %s: %w", dst, err)
	}
	defer func() { _ = src.Close() }()
	err = s.disk.output(ctx, dst, opts, func(out *os.File) error {
		return s.disk.copyFile(ctx, out, src, a.Size)
	})
	if err != nil {
		return fmt.Errorf("copy artifact to %s: %w", dst, err)
	}
	return nil
}

// openArtifact opens the image of a, which must still have its size.
func (s *Store) openArtifact(a Artifact) (*os.File, error) {
	found, err := s.Artifact(a.Digest)
	if err != nil {
		return nil, err
	}
	f, info, err := openRegular(found.Path)
	if err == nil && info.Size() != a.Size {
		_ = f.Close()
		err = fmt.Errorf("%w: the image has %d bytes, want %d", errBadContent, info.Size(), a.Size)
	}
	if err != nil {
		return nil, s.readError(kindArtifact, a.Digest, err)
	}
	return f, nil
}

// copyFile fills the empty dst with size bytes of src.
func (d *disk) copyFile(ctx context.Context, dst, src *os.File, size int64) error {
	// FICLONE fails where the filesystem cannot share, or dst is on another.
	if d.clone(dst, src) == nil {
		return nil
	}
	if err := dst.Truncate(size); err != nil {
		return err
	}
	c := copier{disk: d, dst: dst, src: src}
	for e, err := range extents(src, size) {
		if err != nil {
			return err
		}
		if err := c.copy(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// copyStep is how many bytes are copied between two looks at the context.
const copyStep = 8 << 20

// copier copies ranges of src to the same place in dst, in the kernel as long
// as that works.
type copier struct {
	disk     *disk
	dst, src *os.File
	buf      []byte // not nil: the kernel cannot
}

func (c *copier) copy(ctx context.Context, e extent) error {
	for at := e.start; at < e.end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := c.step(at, int(min(copyStep, e.end-at)))
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// step copies at most n bytes.
func (c *copier) step(at int64, n int) (int, error) {
	if c.buf == nil {
		done, err := c.disk.copyRange(c.dst, c.src, at, n)
		if done > 0 || errors.Is(err, unix.EINTR) {
			return max(done, 0), nil
		}
		if noSpace(err) || errors.Is(err, unix.EIO) {
			return 0, err
		}
		c.buf = make([]byte, len(zeros))
	}
	part := c.buf[:min(n, len(c.buf))]
	if _, err := c.src.ReadAt(part, at); err != nil {
		return 0, err
	}
	if bytes.Equal(part, zeros[:len(part)]) {
		return len(part), nil
	}
	_, err := c.dst.WriteAt(part, at)
	return len(part), err
}
