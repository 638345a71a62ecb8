package flatten_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/sdk/tree"
)

// drawPath makes a path of few and short names, so that entries meet, with
// what a tar may put around them.
func drawPath(t *rapid.T, label string) string {
	names := rapid.SampledFrom([]string{"a", "b", "c", "a-b", "l", "."})
	s := strings.Join(rapid.SliceOfN(names, 1, 4).Draw(t, label), "/")
	switch rapid.IntRange(0, 15).Draw(t, label+" form") {
	case 0:
		s = "./" + s
	case 1:
		s += "/"
	case 2:
		s = strings.ReplaceAll(s, "/", "//")
	}
	return s
}

func drawTarget(t *rapid.T) string {
	switch rapid.IntRange(0, 5).Draw(t, "target form") {
	case 0:
		return "../" + drawPath(t, "target")
	case 1:
		return "/" + drawPath(t, "target")
	case 2:
		return "a/../" + drawPath(t, "target")
	}
	return drawPath(t, "target")
}

func drawEntry(t *rapid.T) tree.Entry {
	e := tree.Entry{
		Path:  drawPath(t, "path"),
		Type:  rapid.SampledFrom([]tree.Type{1, 1, 2, 2, 3, 4, 4, 5, 7}).Draw(t, "type"),
		Mode:  rapid.Uint32Range(0, 0o7777).Draw(t, "mode"),
		UID:   rapid.Uint32Range(0, 3).Draw(t, "uid"),
		MTime: tree.Time{Sec: rapid.Int64Range(-5, 5).Draw(t, "mtime")},
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"user.a", "user.b", "user.c"}), 0, 2, rapid.ID).Draw(t, "xattrs") {
		e.Xattrs = append(e.Xattrs, tree.Xattr{Name: name, Value: fmt.Sprint(e.Mode)})
	}
	slices.SortFunc(e.Xattrs, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	switch rapid.IntRange(0, 12).Draw(t, "special") {
	case 0:
		dir, base := cutBase(e.Path)
		e.Path = dir + ".wh." + base
	case 1:
		e.Path += "/.wh..wh..opq"
	case 2:
		if rapid.IntRange(0, 5).Draw(t, "odd") == 0 {
			e.Path = rapid.SampledFrom([]string{".", "/", "./", ".wh.", "a/.wh..", "a/../b", "/a", ".wh.a/b", "a/.wh..wh.x/y"}).Draw(t, "odd path")
		}
	}
	switch e.Type {
	case tree.Regular:
		e.Size = rapid.Int64Range(0, 1).Draw(t, "size")
		if e.Size == 1 {
			e.Extents = []tree.Extent{{PackOffset: rapid.Int64Range(0, 1000).Draw(t, "offset"), Length: 1}}
		}
	case tree.Symlink, tree.Hardlink:
		e.Target = drawTarget(t)
	}
	return e
}

func cutBase(p string) (dir, base string) {
	p = strings.TrimRight(p, "/")
	i := strings.LastIndexByte(p, '/')
	return p[:i+1], p[i+1:]
}

func drawLayers(t *rapid.T) []*layer.Index {
	var layers []*layer.Index
	for i := range rapid.IntRange(1, 4).Draw(t, "layers") {
		layers = append(layers, &layer.Index{
			DiffID:  fmt.Sprintf("layer %d", i),
			Entries: rapid.SliceOfN(rapid.Custom(drawEntry), 0, 12).Draw(t, "entries"),
		})
	}
	if rapid.IntRange(0, 3).Draw(t, "keep errors") > 0 {
		dropErrors(t, layers)
	}
	return layers
}

// dropErrors drops the entries that Flatten refuses. Otherwise few of the
// images would be good to the end.
func dropErrors(t *rapid.T, layers []*layer.Index) {
	for {
		var e *flatten.Error
		_, err := flatten.Flatten(t.Context(), layers, flatten.Options{})
		if !errors.As(err, &e) {
			return
		}
		i := slices.IndexFunc(layers, func(x *layer.Index) bool { return x.DiffID == e.Layer })
		layers[i].Entries = slices.Delete(layers[i].Entries, e.Entry, e.Entry+1)
	}
}

// TestAgainstModel holds Flatten against the plain model: the same tree, or
// an error of the same kind.
func TestAgainstModel(t *testing.T) { rapid.Check(t, againstModel) }

func againstModel(t *rapid.T) {
	layers := drawLayers(t)
	want, wantErr := flattenModel(layers)
	tr, err := flatten.Flatten(t.Context(), layers, flatten.Options{})
	if wantErr != nil || err != nil {
		if !errors.Is(err, wantErr) {
			t.Fatalf("got error %v, want %v", err, wantErr)
		}
		return
	}
	if err := tr.Validate(); err != nil {
		t.Fatal(err)
	}
	compareModel(t, tr.Tree, want)
}

// compareModel wants tr to hold the objects of the model and nothing else.
func compareModel(t *rapid.T, tr *tree.Tree, want map[string]*object) {
	paths := slices.Sorted(maps.Keys(want))
	names := map[*object][]string{}
	for _, p := range paths {
		names[want[p]] = append(names[want[p]], p)
	}
	var got []string
	for i := range tr.Entries {
		got = append(got, tr.Entries[i].Path)
	}
	if !slices.Equal(got, paths) {
		t.Fatalf("got paths %q\nwant      %q", got, paths)
	}
	for i := range tr.Entries {
		e := &tr.Entries[i]
		ob := want[e.Path]
		if g, w := describe(e, tr.Layers), describeObject(ob, e.Path, names[ob]); g != w {
			t.Fatalf("%q:\ngot  %s\nwant %s", e.Path, g, w)
		}
	}
}

func describe(e *tree.Entry, layers []string) string {
	s := fmt.Sprint(e.Type, e.Mode, e.UID, e.GID, e.MTime, e.Xattrs, e.Target, e.Links, e.Size, e.DevMajor)
	for _, x := range e.Extents {
		s += fmt.Sprint(layers[x.Layer], x.Offset, x.PackOffset, x.Length)
	}
	return s
}

func describeObject(ob *object, path string, names []string) string {
	if path != names[0] {
		return describe(&tree.Entry{Type: tree.Hardlink, Target: names[0]}, nil)
	}
	e := ob.Entry
	if len(names) > 1 {
		e.Links = uint32(len(names))
	}
	return describe(&e, []string{ob.diffID})
}

// TestFlattenIsPure wants the layers to be as before and the second tree to
// be the first.
func TestFlattenIsPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layers := drawLayers(t)
		before := fmt.Sprint(deref(layers))
		first, err := flatten.Flatten(t.Context(), layers, flatten.Options{Contain: true})
		if err != nil {
			return
		}
		second, err := flatten.Flatten(t.Context(), layers, flatten.Options{Contain: true})
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(*first.Tree, first.Warnings, first.MaxEntries, first.MaxDepth) != fmt.Sprint(*second.Tree, second.Warnings, second.MaxEntries, second.MaxDepth) {
			t.Fatal("the same layers gave two trees")
		}
		if fmt.Sprint(deref(layers)) != before {
			t.Fatal("the layers have changed")
		}
	})
}

func deref(layers []*layer.Index) []layer.Index {
	var out []layer.Index
	for _, x := range layers {
		out = append(out, *x)
	}
	return out
}
