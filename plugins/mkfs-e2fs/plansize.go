package mkfse2fs

import (
	"banger/plugins/internal/ext4size"
	"banger/sdk"
	"banger/sdk/tree"
)

// PlanSize returns the bytes of the image that this builder, or the debugfs
// one, plans for t, or why none is possible.
func PlanSize(t *tree.Tree, want sdk.SizePlan) (int64, error) {
	p, err := ext4size.New(t, want)
	return p.Bytes, err
}
