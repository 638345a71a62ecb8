package mkfserofs

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/treetest"
	"banger/sdk/tree"
)

// span is a part of an image, in bytes.
type span struct{ from, to int64 }

// Whatever the tree, no two things have the same place, all of it is in the
// image, and what must be in one block is.
func TestPlacesDoNotOverlap(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, _ := treetest.Draw(rt, dir, treetest.Limits{})
		p, err := newPlan(tr)
		if err != nil {
			rt.Fatal(err)
		}
		spans := []span{{0, blockSize}}
		p.each(func(i int) {
			n := &p.nodes[i]
			head := span{n.number * slotSize, n.number*slotSize + inodeSize + int64(n.xattrs)}
			switch n.layout {
			case chunked:
				head.to += chunkEntry * chunkCount(n.size, n.chunkBits)
			case flatInline:
				head.to += n.size % blockSize
				if head.from/blockSize != (head.to-1)/blockSize {
					rt.Fatalf("%q crosses a block: %d to %d", tr.Entries[i].Path, head.from, head.to)
				}
			}
			spans = append(spans, head)
			if blocks := p.dataBlocks(i); blocks > 0 {
				spans = append(spans, span{int64(n.block) * blockSize, (int64(n.block) + blocks) * blockSize})
			}
		})
		slices.SortFunc(spans, func(a, b span) int { return int(a.from - b.from) })
		for k := 1; k < len(spans); k++ {
			if spans[k].from < spans[k-1].to {
				rt.Fatalf("%v overlaps %v", spans[k], spans[k-1])
			}
		}
		if last := spans[len(spans)-1]; last.to > p.size() {
			rt.Fatalf("%v is beyond the end, %d", last, p.size())
		}
	})
}

// A sparse file's chunks are where its data is, and nowhere else.
func TestChunks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := sparseEntry(rt)
		bits, blocks, ok := chunksOf(e)
		if !ok {
			bits = uint8(rapid.IntRange(0, 3).Draw(rt, "bits"))
		}
		chunk := int64(blockSize) << bits
		table := appendChunks(nil, e, bits, 7)
		if want := (e.Size + chunk - 1) / chunk * chunkEntry; int64(len(table)) != want {
			rt.Fatalf("table of %d bytes, not %d", len(table), want)
		}
		next, data := uint32(7), int64(0)
		for at := int64(0); at < e.Size; at += chunk {
			has := slices.ContainsFunc(e.Extents, func(x tree.Extent) bool { return x.Offset < at+chunk && x.Offset+x.Length > at })
			switch block := le.Uint32(table[at/chunk*chunkEntry:]); {
			case has && block != next, !has && block != noBlock:
				rt.Fatalf("the chunk at %d of %v has block %d; data: %t, next: %d", at, e.Extents, block, has, next)
			case has:
				next += 1 << bits
				data += (min(chunk, e.Size-at) + blockSize - 1) / blockSize
			}
		}
		if ok && (data != blocks || blocks*blockSize+int64(len(table)) > e.Size-blockSize) {
			rt.Fatalf("%d blocks of data, told as %d, and %d bytes of table for %d bytes", data, blocks, len(table), e.Size)
		}
	})
}

func sparseEntry(rt *rapid.T) *tree.Entry {
	e := &tree.Entry{Type: tree.Regular}
	for range rapid.IntRange(0, 6).Draw(rt, "extents") {
		at := e.Size + rapid.SampledFrom([]int64{0, 1, 4095, 4096, 50_000, 1 << 20}).Draw(rt, "hole")
		length := rapid.Int64Range(1, 20_000).Draw(rt, "data")
		e.Extents = append(e.Extents, tree.Extent{Offset: at, Length: length})
		e.Size = at + length
	}
	e.Size += rapid.SampledFrom([]int64{0, 1, 4096, 1 << 22}).Draw(rt, "end")
	return e
}

// The largest hole takes next to nothing.
func TestLargestHole(t *testing.T) {
	tr := &tree.Tree{Entries: []tree.Entry{
		{Type: tree.Directory},
		{Path: "hole", Type: tree.Regular, Size: (1<<32 - 1) * blockSize},
	}}
	p, err := newPlan(tr)
	if err != nil || p.size() > 100<<10 || p.nodes[1].layout != chunked {
		t.Fatalf("%v, %d bytes, layout %d", err, p.size(), p.nodes[1].layout)
	}
	if table := appendChunks(nil, &tr.Entries[1], p.nodes[1].chunkBits, 0); len(bytes.Trim(table, "\xff")) > 0 {
		t.Error("a hole has blocks")
	}
}

// More than a block's number can tell is an error.
func TestTooLarge(t *testing.T) {
	tr := &tree.Tree{Layers: []string{""}, Entries: []tree.Entry{{Type: tree.Directory}}}
	for _, name := range []string{"a", "b"} {
		size := int64(1) << 43
		tr.Entries = append(tr.Entries, tree.Entry{Path: name, Type: tree.Regular, Size: size, Extents: []tree.Extent{{Length: size}}})
	}
	if _, err := newPlan(tr); err == nil {
		t.Error("it has room for 16 TiB and more")
	}
}

// Only a device has a device number to lose.
func TestNumbersOfDevicesOnly(t *testing.T) {
	tr := &tree.Tree{Entries: []tree.Entry{
		{Type: tree.Directory, DevMajor: 5000},
		{Path: "c", Type: tree.CharDevice, DevMajor: 5000},
		{Path: "f", Type: tree.Fifo, DevMajor: 5000},
	}}
	p, err := newPlan(tr)
	if err != nil {
		t.Fatal(err)
	}
	if list := p.losses(); len(list) != 1 || list[0].Path != "c" {
		t.Errorf("losses: %v", list)
	}
}
