package cas

import (
	"encoding/json"
	"fmt"
)

// chunkSize is the length of an artifact's chunks.
const chunkSize = 4 << 20

// MaxArtifactSize is the size of the largest image that can be an artifact.
// It bounds the artifact manifest, and so the memory that one takes.
const MaxArtifactSize = 4 << 40

// maxManifest is the largest artifact manifest: a quoted digest and a comma
// for each chunk, and room for the rest.
const maxManifest = MaxArtifactSize/chunkSize*67 + 4096

// maxMediaType is the longest media type that an artifact may have.
const maxMediaType = 256

// manifest says what an artifact is. The SHA-256 of its canonical JSON names
// the artifact, so its members must not change.
type manifest struct {
	ChunkSize int64 `json:"chunkSize"`
	// Chunks are the SHA-256 of each chunk in hex, the last one as short as
	// it is; null is a chunk of zeros.
	Chunks    []*string `json:"chunks"`
	MediaType string    `json:"mediaType"`
	Size      int64     `json:"size"`
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
	return &m, nil
}

func chunkCount(size int64) int64 { return (size + chunkSize - 1) / chunkSize }
