package buildtest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"banger/internal/filetest"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// TestLeavesBodies: an image whose contents are left to banger is, with them,
// the image that its builder writes itself, and without them it has nothing in
// their places.
func TestLeavesBodies(t *testing.T) {
	for name, fill := range map[string]func(*treetest.Builder){
		"small": small,
		"dense": dense,
		"large": func(b *treetest.Builder) {
			noise := random(20 << 20)
			b.File("large", noise)
			b.File("unaligned", noise[5:3<<20])
			b.Sparse(tree.Entry{Path: "sparse", Mode: 0o644}, 200<<20, treetest.Piece{Offset: 8<<20 + 7, Data: noise[:9<<20]}, treetest.Piece{Offset: 100 << 20, Data: "x"})
			b.Link("link", "large")
		},
	} {
		b := newTree(t)
		fill(b)
		want, packs := b.Tree()
		for _, builder := range native {
			t.Run(builder+"/"+name, func(t *testing.T) {
				whole := build(t, job{builder: builder, tree: want, packs: packs})
				lean, err := run(t.Context(), job{builder: builder, dir: t.TempDir(), tree: want, packs: packs, lean: true})
				if err != nil {
					t.Fatal(err)
				}
				if info, err := os.Stat(lean.image); err != nil || builder == "ext4" && !slices.Equal(lean.placed, []int64{info.Size()}) {
					t.Errorf("placed %v, %v", lean.placed, err)
				}
				putIn(t, lean, packs)
				if filetest.SHA256(t, lean.image) != filetest.SHA256(t, whole.image) {
					t.Error("an image with bodies put in has other bytes")
				}
				if lossLines(lean.losses) != lossLines(whole.losses) {
					t.Errorf("losses\n%s\nwhere they were\n%s", lossLines(lean.losses), lossLines(whole.losses))
				}
			})
		}
	}
}

// putIn puts the bodies that an image lacks where they belong.
func putIn(t *testing.T, b built, packs *treetest.Packs) {
	t.Helper()
	in, err := os.Open(filepath.Join(filepath.Dir(b.image), "bodies"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	list, err := sdk.ReadBodies(in, 0)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d bodies, %v", len(list), err)
	}
	image, err := os.OpenFile(b.image, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	for _, x := range list {
		buf := make([]byte, x.Length)
		if _, err := image.ReadAt(buf, x.Offset); err != nil {
			t.Fatal(err)
		}
		for _, c := range buf {
			if c != 0 {
				t.Fatalf("the image has something where the body %+v belongs", x)
			}
		}
		if _, err := packs.File.ReadAt(buf, x.PackOffset); err != nil {
			t.Fatal(err)
		}
		if _, err := image.WriteAt(buf, x.Offset); err != nil {
			t.Fatal(err)
		}
	}
}
