package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/source"
	"banger/internal/hint"
)

// ErrNotCached says that the store has neither a build nor an image of that name.
var ErrNotCached = errors.New("nothing of that name in the store")

// ErrAmbiguous says that an abbreviated digest means several things.
var ErrAmbiguous = errors.New("ambiguous")

// Cached is a build or a pulled image that the store keeps.
type Cached struct {
	Ref      string
	Manifest digest.Digest
	// Action, Artifact, Builder, Size and Created are a build's; Action is ""
	// for a pulled image.
	Action   digest.Digest
	Artifact digest.Digest
	Builder  BuilderRef
	Size     int64 // of the filesystem image in bytes, holes included
	Created  time.Time
	LastUse  time.Time
	// Bytes are allocated for it and all that it needs, Own for what nothing
	// else in the store needs.
	Bytes, Own int64
}

// ListCached returns the builds and the images in a store, those used last
// first.
func ListCached(ctx context.Context, s *cas.Store) ([]Cached, error) {
	roots, err := s.List(ctx, References{})
	if err != nil {
		return nil, err
	}
	var list []Cached
	for _, r := range roots {
		if c, ok := cachedOf(r.Root); ok {
			c.Bytes, c.Own = r.Bytes, r.Own
			list = append(list, c)
		}
	}
	return list, nil
}

// cachedOf describes a root, if it is a build or an image.
func cachedOf(r cas.Root) (Cached, bool) {
	c := Cached{Ref: r.Name, Manifest: r.Manifest, LastUse: r.LastUse}
	if r.Action == nil {
		return c, true
	}
	var ans buildAnswer
	if r.Action.Artifact == "" || json.Unmarshal(r.Action.Result, &ans) != nil {
		return c, false
	}
	c.Ref, c.Builder, c.Size = ans.Ref, ans.Builder, ans.Size
	c.Action, c.Artifact, c.Created = r.Action.Key, r.Action.Artifact, r.Action.Created
	return c, true
}

// minAbbreviation is how many hex digits an abbreviated digest has at least.
const minAbbreviation = 8

// RemoveCached removes the builds and images that target means, with all that
// only they need: an image reference, the digest of a manifest, an artifact or
// an action, or the first hex digits of one. What means nothing is an
// ErrNotCached. Whatever a living process uses stays and is a cas.ErrBusy,
// with the result of what went all the same.
func RemoveCached(ctx context.Context, s *cas.Store, target string, o cas.GCOptions) (cas.GCResult, error) {
	list, err := ListCached(ctx, s)
	if err != nil {
		return cas.GCResult{}, err
	}
	means, err := selector(list, target)
	if err != nil {
		return cas.GCResult{}, err
	}
	o.References = References{}
	o.Drop = func(r cas.Root) bool {
		c, ok := cachedOf(r)
		return ok && means(c)
	}
	res, err := s.GC(ctx, o)
	if n := len(res.InUse); err == nil && n > 0 {
		err = fmt.Errorf("remove %.200s: %w: %d of what it means stays", target, cas.ErrBusy, n)
		err = hint.With(err, "wait for the builds that use it and run it again")
	}
	return res, err
}

// selector finds out what target means among what there is.
func selector(list []Cached, target string) (func(Cached) bool, error) {
	byDigest := func(d digest.Digest) func(Cached) bool {
		return func(c Cached) bool { return d == c.Action || d == c.Artifact || d == c.Manifest }
	}
	d, err := abbreviated(list, target)
	if err != nil {
		return nil, err
	}
	if d != "" {
		return byDigest(d), nil
	}
	ref, err := source.ParseReference(target)
	if err != nil {
		return nil, err
	}
	byName := func(c Cached) bool {
		return c.Ref == ref.String() || c.Ref == target || c.Action == "" && c.Ref == refName(ref.String())
	}
	if !slices.ContainsFunc(list, byName) {
		err := fmt.Errorf("%w: %.200s", ErrNotCached, target)
		return nil, hint.With(err, "see what there is with banger cache ls")
	}
	return byName, nil
}

// abbreviated returns the one digest in the list that target is, or is the
// beginning of; "" if there is none.
func abbreviated(list []Cached, target string) (digest.Digest, error) {
	hex := strings.TrimPrefix(target, "sha256:")
	if len(hex) < minAbbreviation || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", nil
	}
	found := make(map[digest.Digest]bool)
	for _, c := range list {
		for _, d := range []digest.Digest{c.Action, c.Artifact, c.Manifest} {
			if d != "" && strings.HasPrefix(d.Encoded(), hex) {
				found[d] = true
			}
		}
	}
	if len(found) > 1 {
		return "", fmt.Errorf("%w: %s begins %d digests", ErrAmbiguous, target, len(found))
	}
	for d := range found {
		return d, nil
	}
	if target != hex {
		return "", hint.With(fmt.Errorf("%w: %s", ErrNotCached, target), "see what there is with banger cache ls")
	}
	return "", nil
}
