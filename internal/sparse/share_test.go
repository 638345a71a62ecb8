package sparse_test

import (
	"testing"

	"banger/internal/reflink"
	"banger/internal/sparse"
	"banger/sdk/tree"
)

func TestShareable(t *testing.T) {
	const large, block = reflink.Large, reflink.Block
	for name, c := range map[string]struct {
		extents []tree.Extent
		want    bool
	}{
		"empty":            {nil, false},
		"large":            {[]tree.Extent{{PackOffset: 7 * block, Length: large}}, true},
		"with an end":      {[]tree.Extent{{PackOffset: 7 * block, Length: large + 1}}, true},
		"small":            {[]tree.Extent{{PackOffset: 7 * block, Length: large - 1}}, false},
		"large in pieces":  {[]tree.Extent{{Length: large / 2}, {Offset: large, PackOffset: large, Length: large / 2}}, true},
		"off in the pack":  {[]tree.Extent{{PackOffset: 1, Length: large}}, false},
		"off in the file":  {[]tree.Extent{{Offset: 512, Length: large}}, false},
		"off in the third": {[]tree.Extent{{Length: large}, {Offset: 2 * large, PackOffset: 2 * large, Length: 1}, {Offset: 3*large + 512, PackOffset: 3 * large, Length: 1}}, false},
	} {
		e := &tree.Entry{Type: tree.Regular, Size: 4 * large, Extents: c.extents}
		if got := sparse.Shareable(e); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
