package tree_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"banger/sdk/tree"
)

// large is a tree of 30 000 files in 3000 directories.
func large() *tree.Tree {
	t := &tree.Tree{Layers: []string{"sha256:a"}, Entries: []tree.Entry{{Type: tree.Directory, Mode: 0o755}}}
	for d := range 3000 {
		dir := fmt.Sprintf("usr/share/directory-%04d", d)
		for _, parent := range []string{"usr", "usr/share"} {
			if d == 0 {
				t.Entries = append(t.Entries, tree.Entry{Path: parent, Type: tree.Directory, Mode: 0o755})
			}
		}
		t.Entries = append(t.Entries, tree.Entry{Path: dir, Type: tree.Directory, Mode: 0o755})
		for f := range 10 {
			t.Entries = append(t.Entries, tree.Entry{
				Path: fmt.Sprintf("%s/file-%d.hpp", dir, f), Type: tree.Regular, Mode: 0o644, MTime: tree.Time{Sec: 1_600_000_000}, Size: 3000,
				Extents: []tree.Extent{{PackOffset: int64(d*10+f) * 3000, Length: 3000}},
			})
		}
	}
	return t
}

func BenchmarkWrite(b *testing.B) {
	t := large()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := t.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	file := encode(b, large())
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tree.Read(bytes.NewReader(file)); err != nil {
			b.Fatal(err)
		}
	}
}
