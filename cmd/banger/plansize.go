package main

import (
	"banger/core"
	mkfse2fs "banger/plugins/mkfs-e2fs"
	mkfserofs "banger/plugins/mkfs-erofs"
	"banger/sdk"
	"banger/sdk/tree"
)

// sizeOutput is the size that an image will have.
type sizeOutput struct {
	Bytes *int64 `json:"bytes"` // null: not known yet
	How   string `json:"how"`
}

// sizePlanners tell which size a bundled builder gives the image of a tree.
var sizePlanners = map[string]func(*tree.Tree, sdk.SizePlan) (int64, error){
	"e2fs":    mkfse2fs.PlanSize,
	"debugfs": mkfse2fs.PlanSize,
	"erofs":   mkfserofs.PlanSize,
}

// sizeOutputOf tells the size of the planned image, or what is wrong with the
// size that was asked for.
func sizeOutputOf(p *core.Plan, want sdk.SizePlan) (sizeOutput, error) {
	planner := sizePlanners[p.Builder.Name]
	switch {
	case p.Known != nil:
		return sizeOutput{&p.Known.Size, "as it was built"}, nil
	case planner != nil && p.Builder.Bundled && p.Tree != nil:
		n, err := planner(p.Tree, want)
		if err != nil {
			return sizeOutput{nil, "it does not fit"}, err
		}
		return sizeOutput{&n, "planned from the tree"}, nil
	case want.Bytes > 0:
		return sizeOutput{&want.Bytes, "asked for"}, nil
	case p.Tree == nil:
		return sizeOutput{nil, "planned once all layers are unpacked; banger pull does that"}, nil
	}
	return sizeOutput{nil, "left to the builder"}, nil
}
