package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

// tagged returns the document that a tag means. It asks what that is without
// fetching it, for registries count fetches (Docker Hub's limit), and from
// that answer on goes by the digest: a tag may move at any time.
func (c *client) tagged(ctx context.Context, tag string, res *resolver) (document, error) {
	if res.o.Cached != nil {
		desc, failing, err := c.peek(ctx, tag)
		if err != nil {
			return document{}, err
		}
		if failing {
			ctx = once(ctx)
		}
		if desc.Digest != (v1.Hash{}) {
			raw, err := res.verified(ctx, desc, maxManifest, c.manifest)
			if err != nil {
				return document{}, fmt.Errorf("read manifest %s: %w", desc.Digest, err)
			}
			return document{raw: raw, digest: digestOf(desc), claimed: desc.MediaType}, nil
		}
	}
	raw, said, err := c.get(ctx, tag, maxManifest)
	if err != nil {
		return document{}, err
	}
	if said.Digest != (v1.Hash{}) {
		if err := verify(raw, said); err != nil {
			return document{}, fmt.Errorf("read manifest %s: the registry calls it %s: %w", tag, said.Digest, err)
		}
	}
	return document{raw: raw, digest: digest.FromBytes(raw), claimed: said.MediaType}, nil
}

// peek asks what a tag means. The descriptor has no digest when the answer
// does not help: the fetch says why, for an answer to HEAD has no words. failing
// says that the answer stayed the same however often it was asked for.
func (c *client) peek(ctx context.Context, tag string) (_ v1.Descriptor, failing bool, _ error) {
	resp, err := c.do(ctx, askManifest(http.MethodHead, tag))
	switch {
	case err == nil && resp.StatusCode == http.StatusOK:
		return said(resp), false, resp.Body.Close()
	case err == nil:
		_, failing = retryable(resp, nil)
		return v1.Descriptor{}, failing, resp.Body.Close()
	case errors.Is(err, ErrNetwork) && !errors.Is(err, ErrRateLimit), ctx.Err() != nil:
		return v1.Descriptor{}, false, err
	}
	return v1.Descriptor{}, false, nil
}

// said returns what the headers of an answer say of a manifest, as far as it
// can be used. The length is not: it may be that of an encoded body.
func said(resp *http.Response) v1.Descriptor {
	desc := v1.Descriptor{MediaType: types.MediaType(resp.Header.Get("Content-Type")), Size: sizeUnknown}
	h, err := v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
	if err == nil && checkDigest(v1.Descriptor{Digest: h}) == nil {
		desc.Digest = h
	}
	return desc
}

// get fetches a manifest by tag or digest, again where the answer breaks off.
// It returns what the registry says of it, too.
func (c *client) get(ctx context.Context, identifier string, limit int64) ([]byte, v1.Descriptor, error) {
	a := askManifest(http.MethodGet, identifier)
	for n := 1; ; n++ {
		resp, err := c.do(ctx, a, http.StatusOK)
		if err != nil {
			return nil, v1.Descriptor{}, err
		}
		raw, err := readAll(resp.Body, limit)
		_ = resp.Body.Close()
		switch {
		case err == nil:
			return raw, said(resp), nil
		case errors.Is(err, ErrInvalid):
			return nil, v1.Descriptor{}, err
		case n == maxAttempts || ctx.Err() != nil:
			return nil, v1.Descriptor{}, c.classify(ctx, err, a)
		}
		if err := c.policy.wait(ctx, n, 0); err != nil {
			return nil, v1.Descriptor{}, err
		}
	}
}

func (c *client) manifest(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	raw, _, err := c.get(ctx, d.Digest.String(), limit)
	return raw, err
}
