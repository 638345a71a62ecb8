package cas

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// The files of an artifact.
const (
	imageName    = "image"
	manifestName = "manifest.json"
)

// Artifact is an image in the store. Its file is read-only and sparse.
type Artifact struct {
	Digest digest.Digest // of the artifact manifest
	// Path is the image's, or "" if some of its bytes lie in packs alone; see
	// [Store.Whole].
	Path      string
	Size      int64 // of the image, holes included
	MediaType string
}

// Artifact implements [Artifacts].
func (s *Store) Artifact(d digest.Digest) (Artifact, error) {
	a, _, err := s.findArtifact(d)
	return a, err
}

// ArtifactLayers implements [Artifacts].
func (s *Store) ArtifactLayers(d digest.Digest) ([]digest.Digest, error) {
	_, m, err := s.findArtifact(d)
	if err != nil {
		return nil, err
	}
	var all []digest.Digest
	for _, o := range m.layers() {
		all = append(all, o.Digest)
	}
	return all, nil
}

// findArtifact records the use of an artifact and of the layers that it needs
// before it looks for them.
func (s *Store) findArtifact(d digest.Digest) (Artifact, *manifest, error) {
	dir, err := s.object(kindArtifact, d)
	if err != nil {
		return Artifact{}, nil, fmt.Errorf("find artifact: %w", err)
	}
	if err := s.use(Object{KindArtifact, d}); err != nil {
		return Artifact{}, nil, fmt.Errorf("find artifact: %w", err)
	}
	a, m, err := artifactAndManifest(dir, d)
	if err != nil {
		return Artifact{}, nil, fmt.Errorf("find artifact: %w", s.readError(kindArtifact, d, err))
	}
	if err := s.use(m.layers()...); err != nil {
		return Artifact{}, nil, fmt.Errorf("find artifact: %w", err)
	}
	if l, err := s.layersAsMade(m); err != nil {
		return Artifact{}, nil, fmt.Errorf("find artifact %s: its %w", d, s.readError(kindLayer, l, err))
	}
	return a, m, nil
}

func artifactAt(dir string, d digest.Digest) (Artifact, error) {
	a, _, err := artifactAndManifest(dir, d)
	return a, err
}

// artifactAndManifest does not look at the layers that the artifact needs.
func artifactAndManifest(dir string, d digest.Digest) (Artifact, *manifest, error) {
	m, err := manifestAt(dir, d)
	if err != nil {
		return Artifact{}, nil, err
	}
	a := Artifact{Digest: d, Size: m.Size, MediaType: m.MediaType}
	image := filepath.Join(dir, imageName)
	if m.Bodies == nil {
		a.Path = image
	} else if _, err := statRegular(filepath.Join(dir, bodiesName)); err != nil {
		return a, m, incomplete(err)
	}
	size, err := statRegular(image)
	if err == nil && size != m.Size {
		err = fmt.Errorf("%w: the image has %d bytes, want %d", errBadContent, size, m.Size)
	}
	return a, m, incomplete(err)
}

func manifestAt(dir string, d digest.Digest) (*manifest, error) {
	if _, err := os.Lstat(dir); err != nil {
		return nil, err
	}
	b, err := readSmall(filepath.Join(dir, manifestName), maxManifest)
	if err == nil {
		err = matches(b, d)
	}
	if err != nil {
		return nil, incomplete(err)
	}
	return parseManifest(b)
}

// bodiesAt reads the bodies of the artifact at dir.
func bodiesAt(dir string, m *manifest) ([]Body, error) {
	b, err := readSmall(filepath.Join(dir, bodiesName), maxBodies)
	if err == nil {
		err = matches(b, digest.NewDigestFromEncoded(digest.SHA256, m.Bodies.SHA256))
	}
	if err != nil {
		return nil, fmt.Errorf("bodies: %w", incomplete(err))
	}
	return parseBodies(b, m.Size, m.Bodies.packSizes())
}
