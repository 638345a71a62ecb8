package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

// Bounds on the indexes between a reference and its image. Real ones nest
// once, if at all.
const (
	maxIndexDepth = 4
	maxIndexes    = 16
)

// sizeUnknown is the size of a descriptor that was made from a digest alone.
const sizeUnknown = -1

// store is where the documents of one image lie. What it returns is at most
// limit bytes and not verified; a size may be sizeUnknown.
type store interface {
	manifest(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error)
	config(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error)
}

// resolver finds the one image that a reference and a platform mean.
type resolver struct {
	o       Options
	store   store
	indexes int
	// without are manifests for which their index states no platform.
	without []found
	seen    []string // platforms that were there and not wanted
}

// found is a descriptor and the indexes that led to it.
type found struct {
	desc v1.Descriptor
	via  [][]byte
}

// resolved is an image's manifest with the config it names.
type resolved struct {
	manifest Manifest
	config   []byte
}

func (r *resolver) want() Platform {
	if r.o.Platform == (Platform{}) {
		return HostPlatform()
	}
	return r.o.Platform
}

// resolve follows doc to an image: through indexes by platform, then to the
// config.
func (r *resolver) resolve(ctx context.Context, doc document) (resolved, error) {
	b, index, err := doc.parse()
	if err != nil {
		return resolved{}, err
	}
	if !index {
		return r.image(ctx, doc, b, nil)
	}
	return r.fromIndex(ctx, b, [][]byte{doc.raw})
}

func (r *resolver) fromIndex(ctx context.Context, b body, via [][]byte) (resolved, error) {
	f, platform, err := r.choose(ctx, b.Manifests, via)
	if err != nil {
		return resolved{}, err
	}
	doc, err := r.load(ctx, f.desc)
	if err != nil {
		return resolved{}, err
	}
	doc.platform = platform
	child, index, err := doc.parse()
	switch {
	case err != nil:
		return resolved{}, err
	case index:
		return resolved{}, invalid("index names %s as an image, which is an index", doc.digest)
	}
	return r.image(ctx, doc, child, f.via)
}

// choose picks the image of the platform wanted: the first that states it; or
// the only one that states none, whose config then decides.
func (r *resolver) choose(ctx context.Context, list []v1.Descriptor, via [][]byte) (found, *Platform, error) {
	f, platform, err := r.search(ctx, list, via)
	switch {
	case err != nil || platform != nil:
		return f, platform, err
	case len(r.without) == 1:
		return r.without[0], nil, nil
	case len(r.seen) == 0 && len(r.without) == 0:
		return f, nil, notFound("the index holds no image")
	case len(r.without) > 1:
		return f, nil, notFound("no image for %s, and %d whose platform the index does not state", r.want(), len(r.without))
	}
	return f, nil, notFound("no image for %s: there is %s", r.want(), strings.Join(r.seen, ", "))
}

// search looks through one index, then through those nested in it. It returns
// a nil platform if nothing matches.
func (r *resolver) search(ctx context.Context, list []v1.Descriptor, via [][]byte) (found, *Platform, error) {
	var nested []v1.Descriptor
	for _, d := range list {
		p, ok := stated(d)
		switch {
		case notAnImage(d):
		case d.MediaType.IsIndex():
			nested = append(nested, d)
		case !ok:
			r.without = append(r.without, found{d, via})
		case r.want().Matches(p):
			return found{d, via}, &p, nil
		default:
			r.see(p)
		}
	}
	for _, d := range nested {
		f, p, err := r.descend(ctx, d, via)
		if err != nil || p != nil {
			return f, p, err
		}
	}
	return found{}, nil, nil
}

func (r *resolver) descend(ctx context.Context, d v1.Descriptor, via [][]byte) (found, *Platform, error) {
	if r.indexes++; r.indexes > maxIndexes || len(via) >= maxIndexDepth {
		return found{}, nil, invalid("indexes nested in indexes beyond %d levels or %d in all", maxIndexDepth, maxIndexes)
	}
	doc, err := r.load(ctx, d)
	if err != nil {
		return found{}, nil, err
	}
	b, _, err := doc.parse()
	if err != nil {
		return found{}, nil, err
	}
	return r.search(ctx, b.Manifests, append(slices.Clip(via), doc.raw))
}

// see notes a platform for the error that lists them, up to a limit.
func (r *resolver) see(p Platform) {
	if len(r.seen) < 40 {
		r.seen = append(r.seen, fmt.Sprintf("%.40s", p))
	}
}

// notAnImage reports whether an index's entry is something beside the images:
// an attestation of BuildKit, an artifact, a type from the future.
func notAnImage(d v1.Descriptor) bool {
	p, ok := stated(d)
	return isArtifact(d.ArtifactType) || d.Annotations["vnd.docker.reference.type"] != "" ||
		ok && p.OS == "unknown" ||
		d.MediaType != "" && !d.MediaType.IsImage() && !d.MediaType.IsIndex()
}

// load returns the document that an index names, verified.
func (r *resolver) load(ctx context.Context, d v1.Descriptor) (document, error) {
	if err := checkDigest(d); err != nil {
		return document{}, invalid("index: %w", err)
	}
	raw, err := r.verified(ctx, d, maxManifest, r.store.manifest)
	if err != nil {
		return document{}, fmt.Errorf("read manifest %s: %w", d.Digest, err)
	}
	return document{raw: raw, digest: digestOf(d), claimed: d.MediaType}, nil
}

// image reads and checks the config of the image doc.
func (r *resolver) image(ctx context.Context, doc document, b body, via [][]byte) (resolved, error) {
	m, err := doc.image(b)
	if err != nil {
		return resolved{}, err
	}
	m.Indexes = via
	raw, err := r.verified(ctx, m.Config, maxConfig, r.store.config)
	if err != nil {
		return resolved{}, fmt.Errorf("read config %s: %w", m.Config.Digest, err)
	}
	c, err := parseConfig(raw)
	if err != nil {
		return resolved{}, err
	}
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		return resolved{}, invalid("the manifest has %d layers and the config %d diffIDs", len(m.Layers), len(c.RootFS.DiffIDs))
	}
	m.Platform, err = r.platform(doc, c)
	return resolved{m, raw}, err
}

// platform tells what the image is for, and refuses another platform than
// the caller insists on. What an image index says counts, for many a config
// was written by a tool that did not know better.
func (r *resolver) platform(doc document, c config) (Platform, error) {
	if doc.platform != nil {
		return *doc.platform, nil
	}
	p, ok := c.platform()
	if ok && r.o.Platform != (Platform{}) && !r.o.Platform.Matches(p) {
		return p, notFound("no image for %s: there is only one for %.60s", r.o.Platform, p)
	}
	if !ok {
		p = Platform{}
	}
	return p, nil
}

// verified returns the bytes that d names, from the caller's cache if they
// are there, and holds them against digest and size.
func (r *resolver) verified(ctx context.Context, d v1.Descriptor, limit int64,
	fetch func(context.Context, v1.Descriptor, int64) ([]byte, error),
) ([]byte, error) {
	if d.Size > limit {
		return nil, invalid("%d bytes, over the limit of %d", d.Size, limit)
	}
	if raw, ok := r.cached(d); ok {
		return raw, nil
	}
	raw, err := fetch(ctx, d, limit)
	if err != nil {
		return nil, err
	}
	return raw, verify(raw, d)
}

func (r *resolver) cached(d v1.Descriptor) ([]byte, bool) {
	if r.o.Cached == nil {
		return nil, false
	}
	raw, ok := r.o.Cached(digestOf(d), d.Size)
	return raw, ok && verify(raw, d) == nil
}

// verify holds raw against the digest and, where it is known, the size of d.
func verify(raw []byte, d v1.Descriptor) error {
	if d.Size >= 0 && int64(len(raw)) != d.Size {
		return invalid("%d bytes where %d were promised", len(raw), d.Size)
	}
	if got := digest.FromBytes(raw); got != digestOf(d) {
		return invalid("its digest is %s", got)
	}
	return nil
}
