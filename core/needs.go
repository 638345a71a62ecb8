package core

import (
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/core/layer"
	"banger/core/unpack"
)

// needs are the least limits that let an image in. They are kept with what was
// made of it, so that a limit holds whether or not the store has that.
type needs struct {
	Layers  unpack.Limits `json:"layers"`  // for each of them
	Entries int64         `json:"entries"` // for all of them together
	Depth   int           `json:"depth"`   // for paths in the tree
}

// suffice reports whether the limits of e let in what has the needs n. Without
// any, as banger once left them out, they do not.
func (e *Engine) suffice(n *needs) bool {
	if n == nil {
		return false
	}
	o := e.flattenOptions(flattenInputs{}).WithDefaults()
	return e.Limits.Suffice(n.Layers) && n.Entries <= o.MaxEntries && n.Depth <= o.MaxDepth
}

// admit returns the error of the first layer of an image that exceeds a limit,
// which Unpack would return if it were not unpacked already. What is on top of
// the image's own layers is not asked.
func (e *Engine) admit(src *opened, indexes []*layer.Index) error {
	for i := range src.Manifest().Layers {
		l := e.newLayerPull(src, i, digest.Digest(indexes[i].DiffID)).layer
		if err := e.Limits.Admit(indexes[i], l); err != nil {
			return fmt.Errorf("%s: %w", src.Name(), err)
		}
	}
	return nil
}

// layerNeeds are those of the layers of an image, whatever their blobs.
func layerNeeds(src *opened, indexes []*layer.Index) unpack.Limits {
	var n unpack.Limits
	for i := range src.Manifest().Layers {
		n = n.Union(unpack.Needs(indexes[i]))
	}
	return n
}

// tarSizes are those of the layers' tars in bytes.
func tarSizes(indexes []*layer.Index) []int64 {
	var sizes []int64
	for _, x := range indexes {
		sizes = append(sizes, x.TarSize)
	}
	return sizes
}

// neededRatio returns the least ratio that lets in the image's blobs, whose tars
// have these sizes.
func neededRatio(src *opened, tars []int64) int64 {
	var ratio int64
	for i, l := range src.Manifest().Layers {
		if i < len(tars) {
			ratio = max(ratio, unpack.NeededRatio(tars[i], l.Size))
		}
	}
	return ratio
}
