package stage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/core/unpack"
	"banger/internal/treetest"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

// TestTarComesBack reads the flattened tar of a tree as the one layer of an
// image: it must give the same tree, and that one the same tar.
func TestTarComesBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		want, p := treetest.Draw(rt, dir, treetest.Limits{})
		var archive bytes.Buffer
		if err := treetar.Write(t.Context(), &archive, want, p); err != nil {
			rt.Fatal(err)
		}
		got, pack := reread(t, rt, dir, archive.Bytes())
		var again bytes.Buffer
		if err := treetar.Write(t.Context(), &again, got, &treetest.Packs{File: pack}); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(archive.Bytes(), again.Bytes()) {
			rt.Error("the tar of the tree that was read is another")
		}
		if d := cmp.Diff(withoutExtents(want), withoutExtents(got)); d != "" {
			rt.Fatalf("wanted -, read +:\n%s", d)
		}
	})
}

func reread(t *testing.T, rt *rapid.T, dir string, archive []byte) (*tree.Tree, *os.File) {
	pack, err := os.Create(filepath.Join(dir, "pack"))
	if err != nil {
		rt.Fatal(err)
	}
	rt.Cleanup(func() { _ = pack.Close() })
	var index bytes.Buffer
	l := unpack.Layer{Size: -1, DiffID: digest.FromBytes(archive)}
	if _, err := unpack.Unpack(t.Context(), bytes.NewReader(archive), l, unpack.Dest{Pack: pack, Index: &index}, unpack.Limits{}, nil); err != nil {
		rt.Fatal(err)
	}
	x, err := layer.Parse(index.String())
	if err != nil {
		rt.Fatal(err)
	}
	tr, err := flatten.Flatten(t.Context(), []*layer.Index{x}, flatten.Options{})
	if err != nil {
		rt.Fatal(err)
	}
	return tr.Tree, pack
}

func withoutExtents(tr *tree.Tree) []tree.Entry {
	entries := append([]tree.Entry(nil), tr.Entries...)
	for i := range entries {
		entries[i].Extents = nil
		if len(entries[i].Xattrs) == 0 {
			entries[i].Xattrs = nil
		}
	}
	return entries
}
