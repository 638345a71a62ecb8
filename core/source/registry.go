package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// registry is one image in a registry.
type registry struct {
	*client
	layers []v1.Descriptor
}

func (reg *registry) Close() error {
	reg.client.Close()
	return nil
}

func openRegistry(ctx context.Context, r Reference, o Options) (_ Image, err error) {
	ref, err := name.ParseReference(r.Rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReference, err)
	}
	reg := &registry{client: newClient(ref.Context(), o)}
	defer func() {
		if err != nil {
			reg.client.Close()
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
	if doc, ok, err := reg.peek(ctx, ref.Identifier(), res); ok || err != nil {
		return doc, err
	}
	raw, mediaType, err := reg.get(ctx, ref.Identifier(), maxManifest)
	if err != nil {
		return document{}, err
	}
	return document{raw: raw, digest: digest.FromBytes(raw), claimed: mediaType}, nil
}

// peek asks what a tag means without fetching it, for registries count
// fetches (Docker Hub's limit), and looks for that in the caller's cache. An
// answer that does not help is no error.
func (reg *registry) peek(ctx context.Context, tag string, res *resolver) (document, bool, error) {
	if res.o.Cached == nil {
		return document{}, false, nil
	}
	resp, err := reg.do(ctx, askManifest(http.MethodHead, tag), http.StatusOK)
	switch {
	case errors.Is(err, ErrNetwork) || ctx.Err() != nil:
		return document{}, false, err
	case err != nil:
		return document{}, false, nil // the fetch says why
	}
	if err := resp.Body.Close(); err != nil {
		return document{}, false, nil
	}
	desc := v1.Descriptor{Size: resp.ContentLength}
	desc.Digest, err = v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
	if err != nil || checkDigest(desc) != nil {
		return document{}, false, nil
	}
	raw, ok := res.cached(desc)
	return document{raw: raw, digest: digestOf(desc), claimed: types.MediaType(resp.Header.Get("Content-Type"))}, ok, nil
}

// get fetches a manifest by tag or digest.
func (reg *registry) get(ctx context.Context, identifier string, limit int64) ([]byte, types.MediaType, error) {
	a := askManifest(http.MethodGet, identifier)
	resp, err := reg.do(ctx, a, http.StatusOK)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	raw, err := readAll(resp.Body, limit)
	if err != nil {
		if !errors.Is(err, ErrInvalid) {
			err = reg.classify(ctx, err, a)
		}
		return nil, "", err
	}
	return raw, types.MediaType(resp.Header.Get("Content-Type")), nil
}

func (reg *registry) manifest(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	raw, _, err := reg.get(ctx, d.Digest.String(), limit)
	return raw, err
}

func (reg *registry) config(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	r, err := reg.openBlob(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readAll(r, limit)
}

func (reg *registry) openLayer(ctx context.Context, i int) (io.ReadCloser, error) {
	return reg.openBlob(ctx, reg.layers[i])
}
