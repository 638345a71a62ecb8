package main

import (
	"banger/core"
	mkfse2fs "banger/plugins/mkfs-e2fs"
	mkfserofs "banger/plugins/mkfs-erofs"
	mkfsext4 "banger/plugins/mkfs-ext4"
	"banger/sdk"
	"banger/sdk/tree"
)

// sizeOutput is the size that an image will have.
type sizeOutput struct {
	Bytes *int64 `json:"bytes"` // null: not known yet
	How   string `json:"how"`
}

// sizePlanners tell which size a bundled builder gives the image of a tree. The
// others are not listed: how large theirs become nobody knows before.
var sizePlanners = map[string]func(*tree.Tree, sdk.Options, sdk.SizePlan) (int64, error){
	"e2fs":    anyOptions(mkfse2fs.PlanSize),
	"debugfs": anyOptions(mkfse2fs.PlanSize),
	"ext4":    mkfsext4.PlanSize,
	"erofs":   anyOptions(mkfserofs.PlanSize),
}

// anyOptions is a planner to which options make no difference.
func anyOptions(plan func(*tree.Tree, sdk.SizePlan) (int64, error)) func(*tree.Tree, sdk.Options, sdk.SizePlan) (int64, error) {
	return func(t *tree.Tree, _ sdk.Options, want sdk.SizePlan) (int64, error) { return plan(t, want) }
}

// sizeOutputOf tells the size of the planned image, or what is wrong with the
// size that was asked for.
func sizeOutputOf(p *core.Plan, want sdk.SizePlan) (sizeOutput, error) {
	planner := sizePlanners[p.Builder.Name]
	switch {
	case p.Known != nil:
		return sizeOutput{&p.Known.Size, "as it was built"}, nil
	case planner != nil && p.Builder.Bundled && p.Tree != nil:
		n, err := planner(p.Tree, p.Options, want)
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
