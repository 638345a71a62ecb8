package sparse

import (
	"banger/internal/reflink"
	"banger/sdk/tree"
)

// Shareable reports whether the whole blocks of e's content can be shared with
// the packs by [reflink.Range], and are enough for that to be worth it: each
// extent begins at a block in both. The last block of an extent that ends within
// one is to be copied.
func Shareable(e *tree.Entry) bool {
	if e.DataSize() < reflink.Large {
		return false
	}
	for _, x := range e.Extents {
		if !reflink.Aligned(x.Offset, x.PackOffset) {
			return false
		}
	}
	return true
}
