package flatten_test

import (
	"fmt"
	"strings"
	"testing"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/sdk/tree"
)

// shapes are layers that cost a careless implementation n*n steps.
func shapes(n int) map[string][]*layer.Index {
	each := func(first []tree.Entry, e func(i int) []tree.Entry) *layer.Index {
		x := &layer.Index{Entries: first}
		for i := range n {
			x.Entries = append(x.Entries, e(i)...)
		}
		return x
	}
	fifo := func(format string, args ...any) tree.Entry {
		return tree.Entry{Path: fmt.Sprintf(format, args...), Type: tree.Fifo}
	}
	one := func(e tree.Entry) []tree.Entry { return []tree.Entry{e} }
	huge := each(nil, func(i int) []tree.Entry { return one(fifo("d/%d", i)) })
	deep := strings.Repeat("d/", 1000)
	return map[string][]*layer.Index{
		"an opaque whiteout after each name of a huge directory": {huge, each(nil, func(i int) []tree.Entry {
			return []tree.Entry{fifo("d/n%d", i), fifo("d/.wh..wh..opq")}
		})},
		"a whiteout of a huge directory after each of its names": {huge, each(nil, func(i int) []tree.Entry {
			return []tree.Entry{fifo("d/n%d", i), fifo(".wh.d")}
		})},
		"a whiteout for each name": {huge, each(nil, func(i int) []tree.Entry { return one(fifo("d/.wh.%d", i)) })},
		"deep paths":               {each(nil, func(i int) []tree.Entry { return one(fifo("%s%d", deep[:2*(900+i%100)], i)) })},
		"deep directories removed and made again": {each(nil, func(i int) []tree.Entry {
			return []tree.Entry{fifo("a/b/c/d/e/f/%d", i), fifo("a")}
		})},
		"hardlinks to one inode, each with an xattr": {each(one(fifo("f")), func(i int) []tree.Entry {
			return one(tree.Entry{
				Path: fmt.Sprint(i), Type: tree.Hardlink, Target: "f",
				Xattrs: []tree.Xattr{{Name: fmt.Sprintf("user.%d", i%1000), Value: "v"}},
			})
		})},
		"hardlinks before their target": {each(nil, func(i int) []tree.Entry {
			e := tree.Entry{Path: fmt.Sprint(i), Type: tree.Hardlink, Target: fmt.Sprint(i + 1)}
			if i == n-1 {
				e = fifo("%d", i)
			}
			return one(e)
		})},
		"through 200 symlinks": {each(links(200), func(i int) []tree.Entry {
			return []tree.Entry{fifo("l199/%d", i)}
		})},
	}
}

// links are a directory l0 and n-1 symlinks, each to the one before.
func links(n int) []tree.Entry {
	list := []tree.Entry{{Path: "l0", Type: tree.Directory}}
	for i := 1; i < n; i++ {
		list = append(list, tree.Entry{Path: fmt.Sprintf("l%d", i), Type: tree.Symlink, Target: fmt.Sprintf("l%d", i-1)})
	}
	return list
}

func TestLargeShapes(t *testing.T) {
	for name, layers := range shapes(8_000) {
		t.Run(name, func(t *testing.T) {
			tr, err := flatten.Flatten(t.Context(), layers, flatten.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.Validate(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// BenchmarkFlatten has a million files in a tree like a distribution's, and a
// second layer that replaces a tenth of them.
func BenchmarkFlatten(b *testing.B) {
	const n = 1_000_000
	low, top := &layer.Index{DiffID: "low"}, &layer.Index{DiffID: "top"}
	for i := range n {
		path := fmt.Sprintf("usr/share/d%d/s%d/file-%d", i/10_000, i/100%100, i)
		if i%100 == 0 {
			low.Entries = append(low.Entries, tree.Entry{Path: tree.Dir(path), Type: tree.Directory, Mode: 0o755})
		}
		e := tree.Entry{Path: path, Type: tree.Regular, Mode: 0o644, Size: 1, Extents: []tree.Extent{{Length: 1}}}
		low.Entries = append(low.Entries, e)
		if i%10 == 0 {
			top.Entries = append(top.Entries, e)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flatten.Flatten(b.Context(), []*layer.Index{low, top}, flatten.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
