package tree_test

import (
	"errors"
	"strings"
	"testing"

	"banger/sdk/tree"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name, want string
		edit       func(*tree.Tree)
	}{
		{"no root", "root", func(tr *tree.Tree) { tr.Entries = tr.Entries[1:] }},
		{"root a file", "root", func(tr *tree.Tree) { tr.Entries[0].Type = tree.Fifo }},
		{"order", "out of order", func(tr *tree.Tree) { tr.Entries[3], tr.Entries[4] = tr.Entries[4], tr.Entries[3] }},
		{"twice", "out of order", func(tr *tree.Tree) { tr.Entries[2].Path = "a" }},
		{"absolute", `component ""`, func(tr *tree.Tree) { tr.Entries = append(tr.Entries[:1], tree.Entry{Path: "/a", Type: tree.Fifo}) }},
		{"dots", `component ".."`, func(tr *tree.Tree) { tr.Entries[6].Path = "d/.." }},
		{"dot", `component "."`, func(tr *tree.Tree) { tr.Entries[6].Path = "d/." }},
		{"slash", `component ""`, func(tr *tree.Tree) { tr.Entries[6].Path = "d/s/" }},
		{"NUL", "NUL", func(tr *tree.Tree) { tr.Entries[6].Path = "d/s\x00" }},
		{"no parent", "parent", func(tr *tree.Tree) { tr.Entries[6].Path = "e/s" }},
		{"parent a file", "parent", func(tr *tree.Tree) { tr.Entries[4].Type = tree.Fifo }},
		{"type", "file type 9", func(tr *tree.Tree) { tr.Entries[3].Type = 9 }},
		{"hardlink to nothing", "not an earlier inode", func(tr *tree.Tree) { tr.Entries[2].Target = "x" }},
		{"hardlink to a later one", "not an earlier inode", func(tr *tree.Tree) { tr.Entries[2].Target = "c" }},
		{"hardlink to a directory", "not an earlier inode", func(tr *tree.Tree) { tr.Entries[2].Target = "" }},
		{"symlink to nothing", "target", func(tr *tree.Tree) { tr.Entries[6].Target = "" }},
		{"symlink with NUL", "target", func(tr *tree.Tree) { tr.Entries[6].Target = "a\x00" }},
		{"xattr order", "xattr", func(tr *tree.Tree) { tr.Entries[6].Xattrs[1].Name = "a" }},
		{"xattr twice", "xattr", func(tr *tree.Tree) { tr.Entries[6].Xattrs[1].Name = "user.a" }},
		{"xattr without a name", "xattr", func(tr *tree.Tree) { tr.Entries[6].Xattrs[0].Name = "" }},
		{"fifo with size", "with contents", func(tr *tree.Tree) { tr.Entries[5].Size = 1 }},
		{"extent beyond the end", "extent of", func(tr *tree.Tree) { tr.Entries[1].Size = 8 }},
		{"extent of nothing", "extent of", func(tr *tree.Tree) { tr.Entries[1].Extents[0].Length = 0 }},
		{"extent overflow", "extent of", func(tr *tree.Tree) { tr.Entries[1].Extents[0].PackOffset = 1<<63 - 1 }},
		{"extents overlap", "extent of", func(tr *tree.Tree) {
			tr.Entries[1].Extents = append(tr.Entries[1].Extents, tree.Extent{Offset: 8, Length: 1})
		}},
		{"extent in no layer", "layer 2 of 2", func(tr *tree.Tree) { tr.Entries[1].Extents[0].Layer = 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := small()
			if err := tr.Validate(); err != nil {
				t.Fatal(err)
			}
			c.edit(tr)
			if err := tr.Validate(); !errors.Is(err, tree.ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}
