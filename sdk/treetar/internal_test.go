package treetar

import (
	"archive/tar"
	"bufio"
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/sdk/tree"
)

// TestLargeSizes writes only the headers of files too large for a test.
func TestLargeSizes(t *testing.T) {
	for _, size := range []int64{1<<33 - 1, 1 << 33, 1 << 50} {
		for _, data := range []int64{size, size - 1<<32} {
			e := &tree.Entry{Path: "f", Type: tree.Regular, Size: size, Extents: []tree.Extent{{Length: data}}}
			var buf bytes.Buffer
			w := &writer{out: &counter{w: &buf}}
			w.w = bufio.NewWriter(w.out)
			regions := sparseRegions(e)
			if err := w.header(&member{path: "f", typ: tree.Regular, inode: e}, regions); err != nil {
				t.Fatal(err)
			}
			if regions != nil {
				_, _ = w.w.Write(sparseMap(regions))
			}
			_ = w.w.Flush()
			h, err := tar.NewReader(&buf).Next()
			if err != nil || h.Size != size || h.Name != "f" {
				t.Errorf("size %d with %d of data: %+v, %v", size, data, h, err)
			}
		}
	}
}

// TestSparseMapIsBounded has a file with more pieces than a map may list.
func TestSparseMapIsBounded(t *testing.T) {
	e := &tree.Entry{Type: tree.Regular, Size: 1 << 40}
	for i := range int64(200_000) {
		e.Extents = append(e.Extents, tree.Extent{Offset: i * 8192, Length: 1})
	}
	regions := sparseRegions(e)
	if n := len(sparseMap(regions)); regions == nil || n > maxMap {
		t.Errorf("a map of %d bytes", n)
	}
	checkRegions(t.Errorf, e, regions)
}

func TestRegions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := &tree.Entry{Type: tree.Regular}
		for range rapid.IntRange(0, 6).Draw(rt, "extents") {
			gap, length := rapid.Int64Range(0, 3000).Draw(rt, "gap"), rapid.Int64Range(1, 3000).Draw(rt, "length")
			e.Extents = append(e.Extents, tree.Extent{Offset: e.Size + gap, Length: length})
			e.Size += gap + length
		}
		e.Size += rapid.Int64Range(0, 3000).Draw(rt, "tail")
		checkRegions(rt.Errorf, e, roundExtents(e, 512))
	})
}

// checkRegions checks that regions hold all data, in order and without
// overlap, in whole blocks except at the end, and end where e ends.
func checkRegions(fail func(string, ...any), e *tree.Entry, regions []region) {
	var end int64
	for i, r := range regions {
		if r.offset < end || r.end() > e.Size || r.length%blockSize != 0 && r.end() != e.Size || r.length == 0 && i < len(regions)-1 {
			fail("region %d: %+v after %d in a file of %d", i, r, end, e.Size)
		}
		end = r.end()
	}
	if end != e.Size {
		fail("the regions end at %d, the file at %d", end, e.Size)
	}
	for _, x := range e.Extents {
		for len(regions) > 0 && regions[0].end() <= x.Offset {
			regions = regions[1:]
		}
		if len(regions) == 0 || regions[0].offset > x.Offset || regions[0].end() < x.Offset+x.Length {
			fail("extent %+v is not in a region", x)
			return
		}
	}
}

func TestSplitName(t *testing.T) {
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, test := range []struct {
		name, prefix, rest string
		ok                 bool
	}{
		{a(100), "", a(100), true},
		{a(101), "", "", false},
		{a(155) + "/" + a(100), a(155), a(100), true},
		{a(156) + "/" + a(99), "", "", false},
		{a(154) + "/" + a(101), "", "", false},
		{a(99) + "/" + a(1) + "/", a(99), a(1) + "/", true},
		{a(100) + "/", "", "", false},
		{a(50) + "/" + a(50) + "/" + a(50) + "/", a(50) + "/" + a(50), a(50) + "/", true},
		{"a/" + a(98) + "/" + a(100), "a/" + a(98), a(100), true},
	} {
		prefix, rest, ok := splitName(test.name)
		if prefix != test.prefix || rest != test.rest || ok != test.ok {
			t.Errorf("%q: %q, %q, %v", test.name, prefix, rest, ok)
		}
	}
}
