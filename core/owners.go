package core

import (
	"context"
	"slices"

	"banger/cas"
)

// owners are the references of the images that objects of the store belong
// to.
type owners map[cas.Object][]string

// of returns the references of what a problem is about, sorted, each once.
func (o owners) of(p cas.Problem) []string {
	object := cas.Object{Kind: p.Kind, Digest: p.Digest}
	if p.Kind == "index.json" {
		object.Kind = cas.KindBlob
	}
	slices.Sort(o[object])
	return slices.Compact(o[object])
}

// owners goes by what the store would keep for each image. Nothing is set
// aside or counts as used.
func (e *Engine) owners(ctx context.Context) (owners, error) {
	roots, err := e.Store.List(ctx, References{})
	if err != nil {
		return nil, err
	}
	owners := make(owners)
	for _, r := range roots {
		if c, ok := cachedOf(r.Root); ok && c.Ref != "" {
			for _, o := range r.Holds {
				owners[o] = append(owners[o], c.Ref)
			}
		}
	}
	return owners, nil
}
