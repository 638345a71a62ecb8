package tree_test

import (
	"crypto/sha256"
	"math"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"banger/sdk/tree"
)

var (
	anyBytes = rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
	})
	component = rapid.Custom(func(t *rapid.T) string {
		return strings.Trim(strings.NewReplacer("/", "_", "\x00", "_").Replace(anyBytes.Draw(t, "name")), ".") + "n"
	})
	someTime = rapid.Custom(func(t *rapid.T) tree.Time {
		return tree.Time{Sec: rapid.Int64().Draw(t, "sec"), Nsec: rapid.Uint32Range(0, 999_999_999).Draw(t, "nsec")}
	})
)

// drawEntry draws an entry with any values that the format can hold.
func drawEntry(t *rapid.T, path string, typ tree.Type, layers int) tree.Entry {
	e := tree.Entry{
		Path: path, Type: typ, Mode: rapid.Uint32Range(0, 0o7777).Draw(t, "mode"),
		UID: rapid.Uint32().Draw(t, "uid"), GID: rapid.Uint32().Draw(t, "gid"), MTime: someTime.Draw(t, "mtime"),
		Links: rapid.Uint32().Draw(t, "links"),
	}
	names := rapid.SliceOfNDistinct(component, 0, 3, rapid.ID).Draw(t, "xattrs")
	slices.Sort(names)
	for _, name := range names {
		e.Xattrs = append(e.Xattrs, tree.Xattr{Name: name, Value: anyBytes.Draw(t, "value")})
	}
	switch typ {
	case tree.Symlink:
		e.Target = component.Draw(t, "target")
	case tree.CharDevice, tree.BlockDevice:
		e.DevMajor, e.DevMinor = rapid.Uint32().Draw(t, "major"), rapid.Uint32().Draw(t, "minor")
	case tree.Regular:
		drawContent(t, &e, layers)
	}
	return e
}

func drawContent(t *rapid.T, e *tree.Entry, layers int) {
	e.SHA256 = sha256.Sum256([]byte(anyBytes.Draw(t, "content")))
	for range rapid.IntRange(0, 3).Draw(t, "extents") {
		x := tree.Extent{
			Offset: e.Size + rapid.Int64Range(0, 1<<40).Draw(t, "hole"), Length: rapid.Int64Range(1, 1<<40).Draw(t, "length"),
			Layer: rapid.IntRange(0, layers-1).Draw(t, "layer"), PackOffset: rapid.Int64Range(0, math.MaxInt64>>1).Draw(t, "pack"),
		}
		e.Extents = append(e.Extents, x)
		e.Size = x.Offset + x.Length
	}
	e.Size += rapid.Int64Range(0, 1<<40).Draw(t, "tail")
}

// trees draws valid trees.
var trees = rapid.Custom(func(t *rapid.T) *tree.Tree {
	tr := &tree.Tree{Layers: rapid.SliceOfN(rapid.StringMatching(`sha256:[0-9a-f]{64}`), 1, 3).Draw(t, "layers")}
	kinds := map[string]tree.Type{"": tree.Directory}
	dirs := []string{""}
	for range rapid.IntRange(0, 12).Draw(t, "entries") {
		path := strings.TrimPrefix(rapid.SampledFrom(dirs).Draw(t, "parent")+"/"+component.Draw(t, "name"), "/")
		if kinds[path] != 0 {
			continue
		}
		kinds[path] = rapid.SampledFrom([]tree.Type{
			tree.Regular, tree.Directory, tree.Symlink, tree.CharDevice, tree.BlockDevice, tree.Fifo,
		}).Draw(t, "type")
		if kinds[path] == tree.Directory {
			dirs = append(dirs, path)
		}
	}
	for path, typ := range kinds {
		tr.Entries = append(tr.Entries, tree.Entry{Path: path, Type: typ})
	}
	slices.SortFunc(tr.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	for i, e := range tr.Entries {
		tr.Entries[i] = drawEntry(t, e.Path, e.Type, len(tr.Layers))
		if i > 0 && tr.Entries[i-1].Type == tree.Regular && e.Type != tree.Directory && rapid.Bool().Draw(t, "hardlink") {
			tr.Entries[i] = tree.Entry{Path: e.Path, Type: tree.Hardlink, Target: tr.Entries[i-1].Path}
		}
	}
	return tr
})
