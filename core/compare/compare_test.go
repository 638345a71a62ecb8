package compare_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/core/compare"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// TestEqualTrees: no tree differs from itself.
func TestEqualTrees(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		want, _ := treetest.Draw(rt, dir, treetest.Limits{})
		if list := compare.Trees(want, want, compare.Options{}); len(list) > 0 {
			rt.Errorf("%v", list)
		}
	})
}

// TestDifferences: each change shows in its field and nowhere else, and can be
// ignored.
func TestDifferences(t *testing.T) {
	sample := func() *tree.Tree {
		b := treetest.New(t.TempDir())
		b.Dir("d")
		b.Content(tree.Entry{Path: "d/f", Mode: 0o644, Xattrs: []tree.Xattr{{Name: "user.a", Value: "1"}, {Name: "user.c", Value: "3"}}}, "content")
		b.Link("d/g", "d/f")
		b.Link("d/h", "d/f")
		b.Add(tree.Entry{Path: "d/l", Type: tree.Symlink, Mode: 0o777, Target: "x"})
		b.Add(tree.Entry{Path: "d/n", Type: tree.CharDevice, DevMajor: 1, DevMinor: 3})
		tr, _ := b.Tree()
		return tr
	}
	for _, c := range []struct {
		edit func(*tree.Tree)
		want string
	}{
		{func(t *tree.Tree) { t.Lookup("d/f").Mode = 0o600 }, `d/f mode 0644 0600`},
		{func(t *tree.Tree) { t.Lookup("d").UID = 7 }, `d owner 0:0 7:0`},
		{func(t *tree.Tree) { t.Lookup("d/l").GID = 7 }, `d/l owner 0:0 0:7`},
		{func(t *tree.Tree) { t.Lookup("d/l").Mode = 0 }, ``},
		{func(t *tree.Tree) { t.Lookup("d/l").Target = "y" }, `d/l target x y`},
		{func(t *tree.Tree) { t.Lookup("d/n").DevMinor = 5 }, `d/n device 1:3 1:5`},
		{func(t *tree.Tree) { t.Lookup("").MTime.Nsec = 5 }, ` mtime 1970-01-01T00:00:00Z 1970-01-01T00:00:00.000000005Z`},
		{func(t *tree.Tree) { t.Lookup("d/f").Size++ }, `d/f size 7 8`},
		{func(t *tree.Tree) { clear(t.Lookup("d/f").SHA256[:31]) }, `d/f content ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73 0000000000000000000000000000000000000000000000000000000000000073`},
		{func(t *tree.Tree) { t.Lookup("d/f").Xattrs[0].Value = "" }, `d/f xattr:user.a "1" ""`},
		{func(t *tree.Tree) { t.Lookup("d/f").Xattrs[1].Name = "user.b" }, `d/f xattr:user.b  "3"|d/f xattr:user.c "3" `},
		{func(t *tree.Tree) { t.Lookup("d/f").Xattrs = nil }, `d/f xattr:user.a "1" |d/f xattr:user.c "3" `},
		{func(t *tree.Tree) { t.Lookup("d/n").Type = tree.BlockDevice }, `d/n type character device block device`},
		{func(t *tree.Tree) { t.Entries = slices.Delete(t.Entries, 6, 7) }, `d/n type character device `},
		{func(t *tree.Tree) { t.Entries = append(t.Entries, tree.Entry{Path: "z", Type: tree.Fifo}) }, `z type  fifo`},
		{func(t *tree.Tree) {
			g := t.Lookup("d/g")
			*g = *t.Lookup("d/f")
			g.Path = "d/g"
			t.Lookup("d/h").Target = "d/g"
		}, `d/g links a hardlink to /d/f an inode of its own|d/h links a hardlink to /d/f a hardlink to /d/g`},
	} {
		want, got := sample(), sample()
		c.edit(got)
		list := compare.Trees(want, got, compare.Options{})
		var lines, ignore []string
		for _, d := range list {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", d.Path, d.Field, d.Want, d.Got))
			ignore = append(ignore, d.Field)
			if s := d.String(); !strings.HasPrefix(s, fmt.Sprintf("%q: ", "/"+d.Path)) {
				t.Errorf("%v is said as %s", d, s)
			}
		}
		if text := strings.Join(lines, "|"); text != c.want {
			t.Errorf("got  %s\nwant %s", text, c.want)
		}
		for _, o := range []compare.Options{{Ignore: ignore}, {Ignore: []string{"/d/", "/z", "/"}}} {
			if left := compare.Trees(want, got, o); len(left) > 0 {
				t.Errorf("ignoring %q leaves %v", o.Ignore, left)
			}
		}
	}
}
