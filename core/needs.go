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

// admit returns the least limits that let in the layers of an image, whatever
// their blobs; or the error of the first that exceeds a limit, which Unpack would
// return if it were not unpacked already. What is on top of the image's own
// layers is not asked.
func (e *Engine) admit(src *opened, indexes []*layer.Index) (unpack.Limits, error) {
	var all unpack.Limits
	for i, l := range src.Manifest().Layers {
		n := unpack.Needs(indexes[i])
		all = all.Union(n)
		n.Ratio = unpack.NeededRatio(indexes[i].TarSize, l.Size)
		if e.Limits.Suffice(n) {
			continue
		}
		pulled := e.newLayerPull(src, i, digest.Digest(indexes[i].DiffID)).layer
		if err := e.Limits.Admit(indexes[i], pulled); err != nil {
			return all, fmt.Errorf("%s: %w", src.Name(), err)
		}
	}
	return all, nil
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
