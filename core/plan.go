package core

import (
	"context"

	"github.com/opencontainers/go-digest"

	"banger/core/flatten"
	"banger/core/host"
	"banger/core/source"
	"banger/sdk"
	"banger/sdk/tree"
)

// Plan says what Build would do with the same options.
type Plan struct {
	Ref      string
	Platform source.Platform
	Manifest digest.Digest
	Config   digest.Digest
	Layers   []PlannedLayer
	// FetchBytes are those of the layers that Build would fetch, -1 when the
	// source does not say how large they are.
	FetchBytes int64
	Action     digest.Digest
	Cache      Verdict
	Builder    *host.Builder
	Options    sdk.Options
	// Tree is what the layers flatten to, nil unless all of them are unpacked
	// in the store.
	Tree *tree.Tree
	// Known is the answer that the store has, nil without one.
	Known *BuildResult
}

// PlannedLayer is a layer and what the store has of it.
type PlannedLayer struct {
	Digest   digest.Digest // of the blob; "" when it is not known
	DiffID   digest.Digest
	Size     int64 // of the blob in bytes; -1 when it is not known
	Unpacked bool
	Blob     bool // the store has the blob
}

// Plan finds out what Build would do. It reads the manifest and the config of
// the image, from the store if they are there, and no layer; it asks the
// builder to describe itself, unless the store knows; and it changes nothing:
// a store opened with [cas.View] is enough.
func (e *Engine) Plan(ctx context.Context, o BuildOptions) (*Plan, error) {
	b, err := e.Host.Find(ctx, o.Builder)
	if err != nil {
		return nil, err
	}
	if o.Options, err = b.Check(o.Options, o.Size); err != nil {
		return nil, err
	}
	src, err := e.open(ctx, o.Image)
	if err != nil {
		return nil, err
	}
	defer src.close()
	q, err := e.ask(b, src.Manifest().Digest, o, e.look)
	if err != nil {
		return nil, err
	}
	m := src.Manifest()
	p := &Plan{
		Ref: src.Name(), Platform: m.Platform, Manifest: m.Digest, Config: digest.Digest(m.Config.Digest.String()),
		Action: q.key, Builder: b, Options: o.Options,
	}
	if err := e.planLayers(ctx, src, p, o); err != nil {
		return nil, err
	}
	var known *answered
	if p.Cache, known, err = e.verdict(ctx, src, p, q); err != nil {
		return nil, err
	}
	if known != nil && !o.NoCache {
		p.Known, p.FetchBytes = &known.BuildResult, 0
	}
	return p, nil
}

// planLayers finds what the store has of the layers, and the tree if it has
// all of them.
func (e *Engine) planLayers(ctx context.Context, src *opened, p *Plan, o BuildOptions) error {
	config, err := src.Config(ctx)
	if err != nil {
		return err
	}
	list, err := diffIDs(src, config)
	if err != nil {
		return err
	}
	seen := make(map[digest.Digest]bool)
	all := true
	for i, d := range list {
		l := e.newLayerPull(src, i, d)
		unpacked, err := l.present(ctx, false)
		if err != nil {
			return err
		}
		planned := PlannedLayer{Digest: l.layer.Digest, DiffID: d, Size: l.layer.Size, Unpacked: unpacked, Blob: l.hasBlob()}
		p.Layers = append(p.Layers, planned)
		all = all && planned.Unpacked
		if planned.Unpacked || planned.Blob || seen[d] {
			continue
		}
		seen[d] = true
		p.addFetch(planned.Size)
	}
	if all {
		p.Tree, err = e.plannedTree(ctx, src, list, o.Image)
	}
	return err
}

func (p *Plan) addFetch(size int64) {
	if size < 0 || p.FetchBytes < 0 {
		p.FetchBytes = -1
		return
	}
	p.FetchBytes += size
}

// plannedTree flattens what is unpacked; nil means that Build will have to
// unpack a layer again. An error is one that Build would return.
func (e *Engine) plannedTree(ctx context.Context, src *opened, diffIDs []digest.Digest, im Image) (*tree.Tree, error) {
	indexes, err := e.readIndexes(diffIDs)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // as if it were not unpacked
	}
	if _, err := e.admit(src, indexes); err != nil {
		return nil, err
	}
	if im.EmbedConfig != "" {
		x, err := configIndex(ctx, src, im)
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, x)
	}
	t, err := flatten.Flatten(ctx, indexes, e.flattenOptions(inputsOf(im)))
	if err != nil {
		return nil, err
	}
	return t.Tree, nil
}
