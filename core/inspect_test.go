package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	tt "banger/internal/tartest"
	"banger/sdk/tree"
)

// TestInspect counts what is in the tree and what upper layers hide: by
// replacing, by whiteouts, by an opaque directory, and within one layer.
func TestInspect(t *testing.T) {
	e, _ := newEngine(t)
	repeated := gz(tt.File("twice", "2222"))
	im := layout(
		t,
		gz(tt.Dir("d/"), tt.File("d/a", "aaaaaaaaaa"), tt.File("d/b", "bbbbbb"), tt.File("x/c", "ccc"), tt.File("kept", "k"), tt.Hardlink("link", "kept")),
		repeated,
		gz(tt.File("x/.wh..wh..opq", ""), tt.File("d/.wh.b", ""), tt.File("d/a", "A"), tt.File("d/a", "AA"), tt.File("empty", "")),
		repeated,
	)
	x, err := e.Inspect(t.Context(), im)
	must(t, err)
	type numbers struct{ Bytes, Visible int64 }
	var layers []numbers
	for _, l := range x.Layers {
		layers = append(layers, numbers{l.Bytes, l.Visible})
		if l.Blob <= 0 || l.Entries == 0 || l.DiffID == "" || l.Digest == "" {
			t.Errorf("layer %+v", l)
		}
	}
	for _, diff := range []string{
		cmp.Diff([]numbers{{20, 1}, {4, 4}, {3, 2}, {4, 0}}, layers),
		cmp.Diff([]FileUse{{"twice", 4, 1}, {"d/a", 2, 2}, {"kept", 1, 0}}, x.Files),
		cmp.Diff([]FileUse{{"d/a", 10, 0}, {"d/b", 6, 0}, {"twice", 4, 3}, {"x/c", 3, 0}, {"d/a", 1, 2}}, x.Hidden),
		cmp.Diff(map[tree.Type]int{tree.Directory: 3, tree.Regular: 4, tree.Hardlink: 1}, x.Entries),
	} {
		if diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if x.Bytes != 7 || x.Run.OS != "linux" {
		t.Errorf("%d bytes, %+v", x.Bytes, x.Run)
	}
}
