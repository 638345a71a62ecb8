package cas

import (
	"context"
	"fmt"
	"os"

	"banger/internal/zeros"
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
	err = s.disk.output(ctx, dst, opts, func(out *outFile) error {
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

// copyFile fills the empty output with size bytes of src. Where the filesystem
// cannot share blocks it reads and writes large pieces: copy_file_range(2)
// copies page by page there, and takes longer.
func (d *disk) copyFile(ctx context.Context, out *outFile, src *os.File, size int64) error {
	// It fails where the filesystem cannot share, or the output is on another.
	if d.clone(out, src) == nil {
		return nil
	}
	dst := out.f
	if err := dst.Truncate(size); err != nil {
		return err
	}
	buf := make([]byte, copyStep)
	for e, err := range extents(src, size) {
		if err != nil {
			return err
		}
		if err := d.copyExtent(ctx, dst, src, e, buf); err != nil {
			return err
		}
	}
	return nil
}

// copyStep is how many bytes are copied at a time, between two looks at the
// context.
const copyStep = 1 << 20

// copyExtent copies a range of src to the same place in dst. What holds only
// zeros stays a hole.
func (d *disk) copyExtent(ctx context.Context, dst, src *os.File, e extent, buf []byte) error {
	for at := e.start; at < e.end; at += int64(len(buf)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf = buf[:min(int64(len(buf)), e.end-at)]
		if _, err := src.ReadAt(buf, at); err != nil {
			return err
		}
		if zeros.Only(buf) {
			continue
		}
		if _, err := d.writeAt(dst, buf, at); err != nil {
			return err
		}
	}
	return nil
}
