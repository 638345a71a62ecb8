package mkfse2fs

import (
	"slices"
	"testing"

	"banger/sdk"
	"banger/sdk/tree"
)

// TestUnknownLossesAreHandedOn: a loss of staging that no comparison with the
// image can show is one of the build, and no other is told twice.
func TestUnknownLossesAreHandedOn(t *testing.T) {
	unknown := sdk.Loss{Path: "a", Field: "flags", Wanted: "immutable", Why: "the host has none"}
	staged := []sdk.Loss{unknown, {Path: "a", Field: "owner", Wanted: "1:1", Got: "0:0"}, {Path: "a", Field: "xattr:user.x", Wanted: "x"}}
	got, err := newLosses(staged).explain(&tree.Tree{}, nil)
	if err != nil || !slices.Equal(got, []sdk.Loss{unknown}) {
		t.Errorf("got %v, %v", got, err)
	}
}
