package mkfsext4

import (
	"banger/sdk"
	"banger/sdk/tree"
)

// PlanSize returns the bytes of the image that this builder makes of t, whose
// options are checked. It is pure. An error says why there is no such image.
func PlanSize(t *tree.Tree, options sdk.Options, want sdk.SizePlan) (int64, error) {
	req := &sdk.Request{Options: options, Size: want}
	o, err := parseOptions(req)
	if err != nil {
		return 0, err
	}
	_, bytes, err := makePlan(req, t, o)
	return bytes, err
}
