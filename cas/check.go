package cas

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// CheckBlob hashes a blob that somebody has written to since it was committed,
// and any if always is set. One that is bad goes to quarantine and is an
// [ErrCorrupt]; one that is not there is an [ErrNotFound].
func (s *Store) CheckBlob(ctx context.Context, d digest.Digest, always bool) error {
	path, err := s.object(kindBlob, d)
	if err == nil {
		err = s.check(ctx, kindBlob, d, path, always)
	}
	if err != nil {
		return fmt.Errorf("check blob: %w", err)
	}
	return nil
}

// CheckArtifact finds an artifact like [Store.Artifact], and hashes its image
// if somebody has written to that since it was committed, or if always is set.
// The bytes that lie in packs are the caller's to check: see
// [Store.ArtifactLayers].
func (s *Store) CheckArtifact(ctx context.Context, d digest.Digest, always bool) (Artifact, error) {
	a, err := s.Artifact(d)
	if err != nil {
		return Artifact{}, err
	}
	path, err := s.object(kindArtifact, d)
	if err == nil {
		err = s.check(ctx, kindArtifact, d, path, always)
	}
	if err != nil {
		return Artifact{}, fmt.Errorf("check artifact: %w", err)
	}
	return a, nil
}

// errTouched: an unpacked layer has been written to, and there is a new one to
// put in its place.
var errTouched = errors.New("written to since it was committed; replaced")

// worthKeeping returns an error unless an object that is in the way of a new
// one is as good. That is rare enough to be sure of it. What the store cannot
// judge itself, an unpacked layer, must not have been written to.
func (s *Store) worthKeeping(ctx context.Context, k kind, d digest.Digest, path string) error {
	if k == kindLayer {
		if !marked(k, d, path) {
			return errTouched
		}
		return nil
	}
	before := state(k, path)
	err := hashObject(ctx, k, d, path)
	if err == nil {
		remark(k, d, path, before)
	}
	return err
}

// check hashes the object at path unless its mark says that it need not.
func (s *Store) check(ctx context.Context, k kind, d digest.Digest, path string, always bool) error {
	if !always && marked(k, d, path) {
		return nil
	}
	before := state(k, path)
	if err := hashObject(ctx, k, d, path); err != nil {
		return s.readError(k, d, err)
	}
	remark(k, d, path, before)
	return nil
}

// hashObject holds a blob or an artifact against its digest.
func hashObject(ctx context.Context, k kind, d digest.Digest, path string) error {
	if k == kindBlob {
		return hashBlob(ctx, d, path, make([]byte, hashStep), nil)
	}
	i, err := openImageOf(path, d)
	if err != nil {
		return err
	}
	defer func() { _ = i.f.Close() }()
	sums, err := hashChunks(ctx, i.f, i.m.Size, nil)
	if err != nil {
		return err
	}
	return i.m.compare(sums)
}

// hashBlob reads a file with buf and holds it against its digest. read, if not
// nil, is told the bytes of each step.
func hashBlob(ctx context.Context, d digest.Digest, path string, buf []byte, read func(n int64)) error {
	f, _, err := openRegular(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		if read != nil {
			read(int64(n))
		}
		if n == 0 && err != nil {
			return endOfBlob(err, digest.NewDigest(digest.SHA256, sum), d)
		}
	}
}

func endOfBlob(err error, got, want digest.Digest) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: the content has digest %s", errBadContent, got)
	}
	return nil
}

// openedImage is the image of an artifact, and what it must be.
type openedImage struct {
	f      *os.File
	m      *manifest
	bodies []Body
}

// openImageOf opens the image of the artifact at dir, whose manifest is held
// against d, as are its bodies, and whose size is right.
func openImageOf(dir string, d digest.Digest) (*openedImage, error) {
	_, m, err := artifactAndManifest(dir, d)
	if err != nil {
		return nil, err
	}
	i := &openedImage{m: m}
	if m.Bodies != nil {
		if i.bodies, err = bodiesAt(dir, m); err != nil {
			return nil, err
		}
	}
	f, info, err := openRegular(filepath.Join(dir, imageName))
	if err != nil {
		return nil, incomplete(err)
	}
	if info.Size() != m.Size {
		_ = f.Close()
		return nil, fmt.Errorf("%w: the image has %d bytes, want %d", errBadContent, info.Size(), m.Size)
	}
	i.f = f
	return i, nil
}

// compare holds the sums of an image's chunks against those of the manifest.
func (m *manifest) compare(sums []*string) error {
	for i, want := range m.Chunks {
		if got := sums[i]; (got == nil) != (want == nil) || got != nil && *got != *want {
			return fmt.Errorf("%w: the %d bytes at %d are not those of the manifest", errBadContent, min(chunkSize, m.Size-int64(i)*chunkSize), int64(i)*chunkSize)
		}
	}
	return nil
}
