package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// Bounds on documents. 4 MiB is what registries must accept of a manifest
// (OCI distribution spec, "Pushing Manifests"); no config comes near its own.
const (
	maxManifest    = 4 << 20
	maxConfig      = 8 << 20
	maxDescriptors = 10_000 // layers of a manifest, manifests of an index
)

// document is the verified bytes of a manifest or an index.
type document struct {
	raw    []byte
	digest digest.Digest
	// claimed is the media type by which it was offered; may be "".
	claimed types.MediaType
	// platform is what an image index says of it; nil if nothing.
	platform *Platform
}

// descriptors is a list of descriptors of bounded length.
type descriptors []v1.Descriptor

func (l *descriptors) UnmarshalJSON(b []byte) (err error) {
	*l, err = decodeList[v1.Descriptor](b, maxDescriptors)
	return err
}

// decodeList parses a JSON list of at most limit elements, without first
// making room for more. null is nil, and only null is.
func decodeList[T any](b []byte, limit int) ([]T, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	switch t, err := dec.Token(); {
	case err != nil:
		return nil, err
	case t == nil:
		return nil, nil
	case t != json.Delim('['):
		return nil, errors.New("a JSON list was expected")
	}
	list := []T{}
	for dec.More() {
		if len(list) == limit {
			return nil, fmt.Errorf("a list of more than %d elements", limit)
		}
		var v T
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return list, nil
}

// body is what a manifest or an index may hold.
type body struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	ArtifactType  string          `json:"artifactType"`
	Config        *v1.Descriptor  `json:"config"`
	Layers        descriptors     `json:"layers"`
	Manifests     descriptors     `json:"manifests"`
	FSLayers      json.RawMessage `json:"fsLayers"`
}

// parse reads a document and tells whether it is an index. The media type in
// the document counts more than the one it was offered by, but they may not
// differ in kind, and a document may not be both (CVE-2021-41190).
func (d document) parse() (b body, index bool, err error) {
	if err := json.Unmarshal(d.raw, &b); err != nil {
		return b, false, invalid("parse manifest %s: %w", d.digest, err)
	}
	if b.SchemaVersion == 1 || len(b.FSLayers) > 0 || d.claimed.IsSchema1() {
		return b, false, invalid("manifest %s is of Docker's obsolete schema 1: push the image again with a newer tool", d.digest)
	}
	if b.SchemaVersion != 2 {
		return b, false, invalid("manifest %s has schemaVersion %d, not 2", d.digest, b.SchemaVersion)
	}
	hasIndex, hasImage := b.Manifests != nil, b.Config != nil || b.Layers != nil
	if hasIndex && hasImage {
		return b, false, invalid("manifest %s claims to be an image and an index at once", d.digest)
	}
	for _, t := range []types.MediaType{b.MediaType, d.claimed} {
		if t.IsIndex() && hasImage || t.IsImage() && hasIndex {
			return b, false, invalid("manifest %s is not of the media type %.80q that it is said to be", d.digest, t)
		}
	}
	if b.MediaType == "" {
		b.MediaType = d.claimed
	}
	if err := knownType(&b, hasIndex); err != nil {
		return b, false, invalid("manifest %s: %w", d.digest, err)
	}
	return b, b.MediaType.IsIndex(), nil
}

// knownType sets a missing or generic media type by what the document holds,
// and refuses types that are neither image nor index.
func knownType(b *body, hasIndex bool) error {
	switch b.MediaType {
	case types.OCIImageIndex, types.OCIManifestSchema1, types.DockerManifestList, types.DockerManifestSchema2:
		return nil
	case "", "application/json", "application/octet-stream", "text/plain":
		b.MediaType = types.OCIManifestSchema1
		if hasIndex {
			b.MediaType = types.OCIImageIndex
		}
		return nil
	}
	return fmt.Errorf("unsupported media type %.80q", b.MediaType)
}
