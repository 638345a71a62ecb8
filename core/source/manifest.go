package source

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// layerTypes are the media types of layers that can be unpacked. The last is
// what containerd and BuildKit write for zstd in Docker's manifests.
var layerTypes = map[types.MediaType]bool{
	types.OCILayer: true, types.OCILayerZStd: true, types.OCIUncompressedLayer: true,
	types.DockerLayer: true, types.DockerUncompressedLayer: true,
	"application/vnd.docker.image.rootfs.diff.tar.zstd": true,
}

// configTypes are the media types of image configs. The last three were
// pushed by old versions of Docker (github.com/distribution/distribution
// issue 1621), which still takes them.
var configTypes = map[types.MediaType]bool{
	types.OCIConfigJSON: true, types.DockerConfigJSON: true,
	"application/octet-stream": true, "application/json": true, "text/html": true,
}

// image turns the parsed body of d into a Manifest of an image that can be
// unpacked, or says why it is none.
func (d document) image(b body) (Manifest, error) {
	m := Manifest{MediaType: string(b.MediaType), Digest: d.digest, Raw: d.raw, Layers: b.Layers}
	if b.Config == nil {
		return m, invalid("manifest %s has no config", d.digest)
	}
	m.Config = *b.Config
	if err := checkConfigDescriptor(m.Config, b.ArtifactType); err != nil {
		return m, invalid("manifest %s: %w", d.digest, err)
	}
	for i, l := range m.Layers {
		if err := checkLayer(l); err != nil {
			return m, invalid("manifest %s: layer %d of %d: %w", d.digest, i+1, len(m.Layers), err)
		}
	}
	return m, nil
}

func checkConfigDescriptor(c v1.Descriptor, artifactType string) error {
	if !configTypes[c.MediaType] || isArtifact(artifactType) {
		kind := artifactType
		if kind == "" {
			kind = string(c.MediaType)
		}
		return fmt.Errorf("not a container image but an artifact of type %.80q", kind)
	}
	if c.Size > maxConfig {
		return fmt.Errorf("config of %d bytes, over the limit of %d", c.Size, maxConfig)
	}
	return checkDescriptor(c)
}

// isArtifact reports whether an artifactType speaks of something else than an
// image. Some tools repeat the type of an image's config there.
func isArtifact(artifactType string) bool {
	return artifactType != "" && !configTypes[types.MediaType(artifactType)]
}

func checkLayer(l v1.Descriptor) error {
	switch {
	case strings.HasSuffix(string(l.MediaType), "+encrypted"):
		return fmt.Errorf("encrypted (%.80s): decrypt the image first", l.MediaType)
	case !l.MediaType.IsDistributable(), strings.Contains(string(l.MediaType), ".nondistributable."):
		return fmt.Errorf("foreign layer (%.80s), whose content is not in the image", l.MediaType)
	case !layerTypes[l.MediaType]:
		return fmt.Errorf("unsupported media type %.80q", l.MediaType)
	}
	return checkDescriptor(l)
}

// checkDescriptor holds a descriptor of something to be fetched to what
// everything here relies on.
func checkDescriptor(d v1.Descriptor) error {
	if d.Size < 0 {
		return fmt.Errorf("negative size of %s", d.Digest)
	}
	return checkDigest(d)
}

func checkDigest(d v1.Descriptor) error {
	if d.Digest.Algorithm != string(digest.SHA256) {
		return fmt.Errorf("digest %.100q is not a sha256", d.Digest)
	}
	return nil
}

// digestOf returns the digest of d in go-digest's type.
func digestOf(d v1.Descriptor) digest.Digest { return digest.Digest(d.Digest.String()) }
