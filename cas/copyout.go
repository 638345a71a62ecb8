package cas

import (
	"context"
	"fmt"
	"os"
)

// CopyOptions say how [Store.CopyOut] copies.
type CopyOptions struct {
	// Fsync makes the copy and its name durable before CopyOut returns.
	Fsync bool
}

// CopyOut makes the caller's own copy of an artifact's image at dst: it shares
// blocks with the store where the filesystem can, and is else a copy with the
// same holes. It treats dst as [WriteOutput] does.
func (s *Store) CopyOut(ctx context.Context, a Artifact, dst string, opts CopyOptions) error {
	src, err := s.openSource(a)
	if err != nil {
		return fmt.Errorf("copy artifact to %s: %w", dst, err)
	}
	defer src.close()
	out := s.NewOutput(dst, opts)
	out.copy(ctx, src)
	return out.Commit(ctx)
}

// copy gives the file the image of src, or what it does not have of that yet.
func (o *Output) copy(ctx context.Context, src *source) {
	o.fill(func(out *outFile) error {
		if g := o.begun; g != nil {
			return g.goOn(ctx, out, src)
		}
		return out.disk.fill(ctx, out, src)
	})
	o.begun = nil
}

// Whole implements [Artifacts].
func (s *Store) Whole(ctx context.Context, a Artifact) (Artifact, error) {
	if a.Path != "" {
		return a, nil
	}
	w, err := s.makeWhole(ctx, a)
	if err != nil {
		return Artifact{}, fmt.Errorf("make artifact %s whole: %w", a.Digest, Classify(err))
	}
	return w, nil
}

func (s *Store) makeWhole(ctx context.Context, a Artifact) (Artifact, error) {
	src, err := s.openSource(a)
	if err != nil {
		return Artifact{}, err
	}
	defer src.close()
	w, err := s.NewArtifact()
	if err != nil {
		return Artifact{}, err
	}
	defer w.Abort()
	image := s.NewOutput(w.Path(), CopyOptions{})
	image.copy(ctx, src)
	err = image.finish(ctx)
	image.Abort()
	if err != nil {
		return Artifact{}, err
	}
	return w.Commit(ctx, a.MediaType)
}

// source is an artifact that is open: all that its image is made of.
type source struct {
	*openedImage
	packs  []*os.File
	states []string // of the layers with the packs, when these were opened
}

// openSource opens a, which must be what it was when it was found.
func (s *Store) openSource(a Artifact) (*source, error) {
	found, m, err := s.findArtifact(a.Digest)
	if err != nil {
		return nil, err
	}
	dir, err := s.object(kindArtifact, a.Digest)
	if err != nil {
		return nil, err
	}
	i, err := openImageOf(dir, a.Digest)
	if err == nil && found.Size != a.Size {
		_ = i.f.Close()
		err = fmt.Errorf("%w: the image has %d bytes, want %d", errBadContent, found.Size, a.Size)
	}
	if err != nil {
		return nil, s.readError(kindArtifact, a.Digest, err)
	}
	src := &source{openedImage: i}
	if err := s.openPacks(src, m); err != nil {
		src.close()
		return nil, err
	}
	return src, nil
}

// openPacks opens the packs of an image's layers, whose sizes are known to be
// right.
func (s *Store) openPacks(src *source, m *manifest) error {
	for _, l := range m.layers() {
		if _, err := s.openPack(src, l); err != nil {
			return err
		}
	}
	return nil
}

// openPack opens one more pack and returns its size.
func (s *Store) openPack(src *source, o Object) (int64, error) {
	dir, err := s.object(kindLayer, o.Digest)
	if err != nil {
		return 0, err
	}
	l, err := layerAt(dir)
	if err == nil {
		before := state(kindLayer, dir)
		f, info, openErr := openRegular(l.Pack)
		if openErr == nil {
			src.packs, src.states = append(src.packs, f), append(src.states, before)
			return info.Size(), nil
		}
		err = incomplete(openErr)
	}
	return 0, s.readError(kindLayer, o.Digest, err)
}

func (src *source) close() {
	_ = src.f.Close()
	for _, f := range src.packs {
		_ = f.Close()
	}
}
