package source

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

// registry is one image in a registry.
type registry struct {
	*endpoints
	layers []v1.Descriptor
}

func openRegistry(ctx context.Context, r Reference, o Options) (_ Image, err error) {
	ref, err := name.ParseReference(r.Rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReference, err)
	}
	at, err := newEndpoints(ref.Context(), o)
	if err != nil {
		return nil, err
	}
	reg := &registry{endpoints: at}
	defer func() {
		if err != nil {
			_ = reg.Close()
		}
	}()
	res := &resolver{o: o, store: reg}
	doc, err := reg.root(ctx, ref, res)
	if err != nil {
		return nil, err
	}
	found, err := res.resolve(ctx, doc)
	if err != nil {
		return nil, err
	}
	reg.layers = found.manifest.Layers
	return &image{r.Rest, found, reg}, nil
}

// root returns the document that the reference names.
func (reg *registry) root(ctx context.Context, ref name.Reference, res *resolver) (document, error) {
	if d, ok := ref.(name.Digest); ok {
		desc := v1.Descriptor{Size: sizeUnknown}
		var err error
		if desc.Digest, err = v1.NewHash(d.DigestStr()); err != nil || desc.Digest.Algorithm != string(digest.SHA256) {
			return document{}, fmt.Errorf("%w: digest %s is not a sha256", ErrReference, d.DigestStr())
		}
		raw, err := res.verified(ctx, desc, maxManifest, reg.manifest)
		if err != nil {
			return document{}, fmt.Errorf("read manifest: %w", err)
		}
		return document{raw: raw, digest: digestOf(desc)}, nil
	}
	var doc document
	err := reg.each(ctx, func(c *client) (err error) {
		doc, err = c.tagged(ctx, ref.Identifier(), res)
		return err
	})
	return doc, err
}

func (reg *registry) manifest(ctx context.Context, d v1.Descriptor, limit int64) (raw []byte, err error) {
	err = reg.each(ctx, func(c *client) error {
		if raw, err = c.manifest(ctx, d, limit); err != nil {
			return err
		}
		return verify(raw, d)
	})
	return raw, err
}

func (reg *registry) config(ctx context.Context, d v1.Descriptor, limit int64) (raw []byte, err error) {
	err = reg.each(ctx, func(c *client) error {
		r, err := c.alone().openBlob(ctx, d, 0)
		if err != nil {
			return err
		}
		defer r.Close()
		if raw, err = readAll(r, limit); err != nil {
			return err
		}
		return verify(raw, d)
	})
	return raw, err
}

func (reg *registry) openLayer(ctx context.Context, i int) (io.ReadCloser, error) {
	return reg.openBlob(ctx, reg.layers[i], 0)
}
