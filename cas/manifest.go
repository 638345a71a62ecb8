package cas

import (
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// chunkSize is the length of an artifact's chunks.
const chunkSize = 4 << 20

// MaxArtifactSize is the size of the largest image that can be an artifact.
// It bounds the artifact manifest, and so the memory that one takes.
const MaxArtifactSize = 4 << 40

// maxManifest is the largest artifact manifest: a quoted digest and a comma
// for each chunk, two digests and some words for each layer, and room for the
// rest.
const maxManifest = MaxArtifactSize/chunkSize*67 + maxLayers*256 + 4096

// maxMediaType is the longest media type that an artifact may have.
const maxMediaType = 256

// manifest says what an artifact is. The SHA-256 of its canonical JSON names
// the artifact, so its members must not change.
type manifest struct {
	// Bodies are what the image leaves to packs; nil for a whole image.
	Bodies    *bodiesOf `json:"bodies,omitempty"`
	ChunkSize int64     `json:"chunkSize"`
	// Chunks are the SHA-256 of each chunk in hex, the last one as short as
	// it is; null is a chunk of zeros.
	Chunks    []*string `json:"chunks"`
	MediaType string    `json:"mediaType"`
	Size      int64     `json:"size"`
}

// bodiesOf names the bodies of an image, and what they lie in.
type bodiesOf struct {
	Layers []layerOf `json:"layers"`
	SHA256 string    `json:"sha256"` // of the file bodies, in hex
}

// layerOf is a layer as it was unpacked when the artifact was made: its diffID
// alone does not say what lies where in its pack. Its index does, and has the
// SHA-256 of every file there.
type layerOf struct {
	DiffID   digest.Digest `json:"diffID"`
	Index    string        `json:"index"` // SHA-256 of the index in hex
	PackSize int64         `json:"packSize"`
}

func parseManifest(b []byte) (*manifest, error) {
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadContent, err)
	}
	if m.ChunkSize != chunkSize || m.Size < 0 || m.Size > MaxArtifactSize || int64(len(m.Chunks)) != chunkCount(m.Size) {
		return nil, fmt.Errorf("%w: %d bytes in %d chunks of %d", errBadContent, m.Size, len(m.Chunks), m.ChunkSize)
	}
	for i, sum := range m.Chunks {
		if sum != nil && !isHex(*sum) {
			return nil, fmt.Errorf("%w: chunk %d has no digest", errBadContent, i)
		}
	}
	if err := m.Bodies.check(); err != nil {
		return nil, fmt.Errorf("%w: bodies: %w", errBadContent, err)
	}
	return &m, nil
}

func (b *bodiesOf) check() error {
	if b == nil {
		return nil
	}
	if !isHex(b.SHA256) || len(b.Layers) == 0 || len(b.Layers) > maxLayers {
		return fmt.Errorf("%d layers, digest %.100q", len(b.Layers), b.SHA256)
	}
	for _, l := range b.Layers {
		if _, err := encoded(l.DiffID); err != nil {
			return err
		}
		if !isHex(l.Index) || l.PackSize < 0 {
			return fmt.Errorf("layer %s has index %.100q and a pack of %d bytes", l.DiffID, l.Index, l.PackSize)
		}
	}
	return nil
}

// packSizes returns the sizes of the packs that the bodies lie in.
func (b *bodiesOf) packSizes() []int64 {
	sizes := make([]int64, len(b.Layers))
	for i, l := range b.Layers {
		sizes[i] = l.PackSize
	}
	return sizes
}

// layers returns the layers that the image needs.
func (m *manifest) layers() []Object {
	if m.Bodies == nil {
		return nil
	}
	all := make([]Object, len(m.Bodies.Layers))
	for i, l := range m.Bodies.Layers {
		all[i] = Object{KindLayer, l.DiffID}
	}
	return all
}

func chunkCount(size int64) int64 { return (size + chunkSize - 1) / chunkSize }
