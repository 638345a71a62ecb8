package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// imageOf makes the OCI manifest that an image of an archive would have: the
// archive has none of its own. It is the same for equal archives.
func (a *archive) imageOf(ctx context.Context, e dockerEntry, o Options) (resolved, []member, error) {
	raw, err := a.small(e.Config, maxConfig)
	if err != nil {
		return resolved{}, nil, fmt.Errorf("read config: %w", err)
	}
	c, err := parseConfig(raw)
	if err != nil {
		return resolved{}, nil, err
	}
	if len(c.RootFS.DiffIDs) != len(e.Layers) {
		return resolved{}, nil, invalid("the archive has %d layers for the image and its config %d diffIDs",
			len(e.Layers), len(c.RootFS.DiffIDs))
	}
	sum := sha256.Sum256(raw)
	config := v1.Descriptor{MediaType: types.OCIConfigJSON, Size: int64(len(raw)), Digest: sha256Hash(sum[:])}
	layers := []v1.Descriptor{}
	members := make([]member, len(e.Layers))
	for i, name := range e.Layers {
		if members[i], err = a.find(name); err != nil {
			return resolved{}, nil, fmt.Errorf("layer %d of %d: %w", i+1, len(e.Layers), err)
		}
		d, err := a.layer(ctx, name, members[i], c.RootFS.DiffIDs[i])
		if err != nil {
			return resolved{}, nil, fmt.Errorf("layer %d of %d: %w", i+1, len(e.Layers), err)
		}
		layers = append(layers, d)
	}
	doc, err := newDocument(config, layers)
	if err != nil {
		return resolved{}, nil, err
	}
	m := Manifest{MediaType: string(doc.claimed), Digest: doc.digest, Raw: doc.raw, Config: config, Layers: layers}
	m.Platform, err = (&resolver{o: o}).platform(doc, c)
	return resolved{m, raw}, members, err
}

// newDocument writes a manifest. Its fields and their order are fixed, for
// its digest is part of what is cached.
func newDocument(config v1.Descriptor, layers []v1.Descriptor) (document, error) {
	raw, err := json.Marshal(struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Config        v1.Descriptor   `json:"config"`
		Layers        []v1.Descriptor `json:"layers"`
	}{2, types.OCIManifestSchema1, config, layers})
	if err != nil {
		return document{}, fmt.Errorf("write manifest: %w", err)
	}
	return document{raw: raw, digest: digest.FromBytes(raw), claimed: types.OCIManifestSchema1}, nil
}

// layer describes a layer in the archive. What a plain one's digest should be
// the config says; a compressed one's is in its name, or must be computed.
func (a *archive) layer(ctx context.Context, name string, m member, diffID digest.Digest) (v1.Descriptor, error) {
	d := v1.Descriptor{Size: m.size, MediaType: types.OCIUncompressedLayer}
	head := make([]byte, magicSize)
	n, err := a.section(m).ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("read %.200q: %w", name, err)
	}
	switch compressionOf(head[:n]) {
	case compressionNone:
		d.Digest, err = v1.NewHash(diffID.String())
		return d, err
	case compressionGzip:
		d.MediaType = types.OCILayer
	case compressionZstd:
		d.MediaType = types.OCILayerZStd
	default:
		return d, invalid("%.200q is compressed with neither gzip nor zstd", name)
	}
	if hash, err := v1.NewHash("sha256:" + path.Base(name)); err == nil && name == blobPath(v1.Descriptor{Digest: hash}) {
		d.Digest = hash
		return d, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, ctxReader{ctx, a.section(m)}); err != nil {
		return d, fmt.Errorf("read %.200q: %w", name, err)
	}
	d.Digest = sha256Hash(sum.Sum(nil))
	return d, nil
}

func sha256Hash(sum []byte) v1.Hash {
	return v1.Hash{Algorithm: string(digest.SHA256), Hex: hex.EncodeToString(sum)}
}
