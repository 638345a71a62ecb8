package layer_test

import (
	"fmt"
	"runtime"
	"testing"

	"banger/core/layer"
	"banger/sdk/tree"
)

// TestMemory reads an index of many entries, for each of which it may allocate
// no more than a million entries can do with.
func TestMemory(t *testing.T) {
	const n, most = 20_000, 1 << 10
	x := &layer.Index{DiffID: "sha256:abc"}
	for i := range n {
		x.Entries = append(x.Entries, tree.Entry{
			Path: fmt.Sprintf("usr/share/some-directory/file-%05d", i), Type: tree.Regular, Size: 5,
			Extents: []tree.Extent{{PackOffset: int64(i) * 5, Length: 5}},
		})
	}
	file := encode(t, x)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := layer.Parse(string(file))
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Entries) != n {
		t.Fatalf("%d entries, %v", len(got.Entries), err)
	}
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > most {
		t.Errorf("%d bytes were allocated for each entry, want at most %d", each, most)
	}
}
