package core

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"

	"banger/core/layer"
	"banger/core/source"
	"banger/sdk/tree"
)

// Inspection says what an image is and where its bytes are.
type Inspection struct {
	Ref      string
	Platform source.Platform
	Manifest digest.Digest
	Config   digest.Digest
	Run      RunConfig
	Layers   []LayerUse
	Entries  map[tree.Type]int // of the flattened tree
	Bytes    int64             // of its files' contents, holes and further names not counted
	// Files has the contents in the tree, Hidden those in a layer that upper
	// layers hide; both from the largest down.
	Files, Hidden []FileUse
}

// LayerUse is a layer and what of it is in the tree.
type LayerUse struct {
	Digest    digest.Digest
	DiffID    digest.Digest
	CreatedBy string // the step of the image's history, "" when it does not say
	Blob      int64  // bytes of the blob, -1 when they are not known
	Entries   int
	Bytes     int64 // of the files' contents
	Visible   int64 // those that are in the tree
}

// FileUse is a file's content in a layer.
type FileUse struct {
	Path  string // raw bytes
	Bytes int64
	Layer int // from 0
}

// Inspect pulls an image and finds out where its bytes are.
func (e *Engine) Inspect(ctx context.Context, im Image) (*Inspection, error) {
	src, err := e.open(ctx, im)
	if err != nil {
		return nil, err
	}
	defer src.close()
	t, err := e.pullTree(ctx, src, im)
	if err != nil {
		return nil, err
	}
	config, err := src.Config(ctx)
	if err != nil {
		return nil, err
	}
	diffIDs, err := source.DiffIDs(config)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", src.Name(), err)
	}
	indexes, err := e.readIndexes(diffIDs)
	if err != nil {
		return nil, err
	}
	m := src.Manifest()
	x := &Inspection{
		Ref: src.Name(), Platform: m.Platform, Manifest: m.Digest, Config: digest.Digest(m.Config.Digest.String()), Entries: make(map[tree.Type]int),
	}
	if x.Run, err = runConfig(ctx, src); err != nil {
		return nil, err
	}
	steps, err := createdBy(ctx, src)
	if err != nil {
		return nil, err
	}
	for i, d := range m.Layers {
		x.Layers = append(x.Layers, LayerUse{
			Digest: digest.Digest(d.Digest.String()), DiffID: diffIDs[i], Blob: d.Size, CreatedBy: steps[i],
		})
	}
	x.measure(t.Tree, indexes)
	return x, nil
}

// createdBy returns the step of the image's history that made each layer.
func createdBy(ctx context.Context, src *opened) ([]string, error) {
	c, err := readImageConfig(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	steps := make([]string, len(src.Manifest().Layers))
	i := 0
	for _, h := range c.History {
		if h.EmptyLayer {
			continue
		}
		if i == len(steps) {
			return make([]string, len(steps)), nil // it is the history of something else
		}
		steps[i] = h.CreatedBy
		i++
	}
	return steps, nil
}

// body is where a content begins.
type body struct {
	layer  string
	offset int64
}

func bodyOf(layers []string, e *tree.Entry) body {
	return body{layers[e.Extents[0].Layer], e.Extents[0].PackOffset}
}

// measure fills in the numbers from the tree and the layers it is made of. A
// content is in the tree when one of the tree's files begins where it does.
func (x *Inspection) measure(t *tree.Tree, indexes []*layer.Index) {
	visible := make(map[body]bool)
	for i := range t.Entries {
		e := &t.Entries[i]
		x.Entries[e.Type]++
		if e.DataSize() > 0 {
			visible[bodyOf(t.Layers, e)] = true
		}
	}
	seen := make(map[string]bool)
	for i, index := range indexes {
		l := &x.Layers[i]
		l.Entries = len(index.Entries)
		for j := range index.Entries {
			e := &index.Entries[j]
			n := e.DataSize()
			if n == 0 {
				continue
			}
			l.Bytes += n
			use := FileUse{path.Clean("/" + e.Path)[1:], n, i}
			// A layer that an image has twice is in the tree once.
			if !seen[index.DiffID] && visible[bodyOf([]string{index.DiffID}, e)] {
				l.Visible += n
				x.Files = append(x.Files, use)
			} else {
				x.Hidden = append(x.Hidden, use)
			}
		}
		x.Bytes += l.Visible
		seen[index.DiffID] = true
	}
	for _, list := range [][]FileUse{x.Files, x.Hidden} {
		slices.SortStableFunc(list, func(a, b FileUse) int { return cmp.Compare(b.Bytes, a.Bytes) })
	}
}
