package tree_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/treetest"
	"banger/sdk/tree"
)

// TestUsage holds the sums against counting byte by byte.
func TestUsage(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, _ := treetest.Draw(rt, dir, treetest.Limits{})
		block := rapid.Int64Range(1, 5000).Draw(rt, "block")
		var want tree.Usage
		for _, e := range tr.Entries {
			want.Entries++
			want.Names += int64(len(tree.Base(e.Path)))
			want.Bytes += e.Size
			blocks := make(map[int64]bool)
			for _, x := range e.Extents {
				want.Data += x.Length
				for at := x.Offset; at < x.Offset+x.Length; at++ {
					blocks[at/block] = true
				}
			}
			want.Blocks += int64(len(blocks))
			for _, x := range e.Xattrs {
				want.Xattrs++
				want.XattrBytes += int64(len(x.Name) + len(x.Value))
			}
			switch e.Type {
			case tree.Directory:
				want.Directories++
			case tree.Hardlink:
				want.Hardlinks++
			case tree.Symlink:
				want.Targets += int64(len(e.Target))
			}
		}
		if got := tr.Usage(block); got != want {
			rt.Errorf("got %+v\nwant %+v", got, want)
		}
	})
}

// Absurd sizes add up to the largest number there is.
func TestUsageIsBounded(t *testing.T) {
	huge := tree.Entry{Type: tree.Regular, Size: math.MaxInt64, Extents: []tree.Extent{{Length: math.MaxInt64}}}
	u := (&tree.Tree{Entries: []tree.Entry{huge, huge}}).Usage(1)
	if u.Bytes != math.MaxInt64 || u.Data != math.MaxInt64 || u.Blocks != math.MaxInt64 {
		t.Errorf("%+v", u)
	}
}

// TestBlockRuns holds the runs against a map of the blocks.
func TestBlockRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := tree.Entry{Type: tree.Regular}
		block := rapid.Int64Range(1, 9).Draw(t, "block")
		data := make(map[int64]bool)
		for range rapid.IntRange(0, 6).Draw(t, "extents") {
			x := tree.Extent{Offset: e.Size + rapid.Int64Range(0, 20).Draw(t, "gap"), Length: rapid.Int64Range(1, 20).Draw(t, "length")}
			e.Extents, e.Size = append(e.Extents, x), x.Offset+x.Length
			for at := x.Offset; at < e.Size; at++ {
				data[at/block] = true
			}
		}
		last := int64(-1)
		for first, n := range e.BlockRuns(block) {
			if first <= last || n < 1 {
				t.Fatalf("%d blocks from %d on after %d: runs ascend, and have holes between them", n, first, last)
			}
			for b := first; b < first+n; b++ {
				if !data[b] {
					t.Errorf("block %d is a hole", b)
				}
				delete(data, b)
			}
			last = first + n
		}
		if len(data) > 0 {
			t.Errorf("left out %v", data)
		}
		for range e.BlockRuns(block) {
			break // an iterator that is left early does not go on
		}
	})
}
