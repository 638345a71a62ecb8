package buildtest

import (
	"os"
	"path/filepath"
	"testing"

	"banger/internal/filetest"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// TestShares builds on a filesystem that can share blocks: large bodies take
// no room besides their pack, and all bytes are right.
func TestShares(t *testing.T) {
	dir := need.XFS(t)
	b := treetest.New(dir)
	noise := random(40 << 20)
	b.File("aligned", noise[:32<<20])
	b.File("unaligned", noise[5:20<<20])
	b.File("small", noise[:70<<10])
	b.Sparse(tree.Entry{Path: "sparse", Mode: 0o644}, 200<<20, treetest.Piece{Offset: 8 << 20, Data: noise[7 : 30<<20]}, treetest.Piece{Offset: 100<<20 + 4096, Data: noise[:1<<20]})
	b.Sparse(tree.Entry{Path: "odd", Mode: 0o644}, 80<<20, treetest.Piece{Offset: 5, Data: noise[:100<<10]})
	want, packs := b.Tree()
	for _, name := range native {
		before := need.FreeBytes(t, dir)
		got := build(t, job{builder: name, dir: mkdir(t, dir, name), tree: want, packs: packs})
		if took := before - need.FreeBytes(t, dir); took > 8<<20 {
			t.Errorf("%s: the image took %d bytes", name, took)
		}
		sameAsTree(t, got.image, want, fstree.Options{Skip: []string{"lost+found"}})
		elsewhere := build(t, job{builder: name, tree: want, packs: packs})
		if filetest.SHA256(t, got.image) != filetest.SHA256(t, elsewhere.image) {
			t.Errorf("%s: an image that shares blocks has other bytes", name)
		}
	}
}

func mkdir(t *testing.T, parent, name string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}
