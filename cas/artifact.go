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
	Digest    digest.Digest // of the artifact manifest
	Path      string        // of the image
	Size      int64         // of the image, holes included
	MediaType string
}

// Artifact finds an artifact. Its manifest is hashed and its image's size
// checked; the image's content is not read. An artifact that is not there is
// an [ErrNotFound]; a bad one goes to quarantine and is an [ErrCorrupt].
func (s *Store) Artifact(d digest.Digest) (Artifact, error) {
	dir, err := s.object(kindArtifact, d)
	if err != nil {
		return Artifact{}, fmt.Errorf("find artifact: %w", err)
	}
	if err := s.use(Object{KindArtifact, d}); err != nil {
		return Artifact{}, fmt.Errorf("find artifact: %w", err)
	}
	a, err := artifactAt(dir, d)
	if err != nil {
		return Artifact{}, fmt.Errorf("find artifact: %w", s.readError(kindArtifact, d, err))
	}
	return a, nil
}

func artifactAt(dir string, d digest.Digest) (Artifact, error) {
	a, _, err := artifactAndManifest(dir, d)
	return a, err
}

func artifactAndManifest(dir string, d digest.Digest) (Artifact, *manifest, error) {
	if _, err := os.Lstat(dir); err != nil {
		return Artifact{}, nil, err
	}
	b, err := readSmall(filepath.Join(dir, manifestName), maxManifest)
	if err == nil {
		err = matches(b, d)
	}
	if err != nil {
		return Artifact{}, nil, incomplete(err)
	}
	m, err := parseManifest(b)
	if err != nil {
		return Artifact{}, nil, err
	}
	a := Artifact{Digest: d, Path: filepath.Join(dir, imageName), Size: m.Size, MediaType: m.MediaType}
	size, err := statRegular(a.Path)
	if err == nil && size != m.Size {
		err = fmt.Errorf("%w: the image has %d bytes, want %d", errBadContent, size, m.Size)
	}
	return a, m, incomplete(err)
}
