package stage_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banger/core/stage"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// TestShares stages where packs and files can share blocks: large files take
// next to no room, whatever does not fill a block is right as well, and what
// is shared is held against its digest like the rest.
func TestShares(t *testing.T) {
	dir := need.XFS(t)
	b := treetest.New(dir)
	data := strings.Repeat("0123456789abcdef", 1<<19) // 8 MiB
	b.File("whole", data)
	b.File("odd", data[:len(data)-100])
	b.Sparse(tree.Entry{Path: "sparse", Mode: 0o644}, 1<<26,
		treetest.Piece{Offset: 4096, Data: data[5:]}, treetest.Piece{Offset: 1 << 25, Data: data[:100<<10+7]})
	b.Sparse(tree.Entry{Path: "unaligned", Mode: 0o644}, 1<<20, treetest.Piece{Offset: 5, Data: data[:100<<10]})
	b.File("small", data[:100])
	tr, p := b.Tree()

	before := need.FreeBytes(t, dir)
	staged := target(t, dir)
	if _, err := stage.Dir(t.Context(), tr, p, staged, sdk.StagingPlain, nil); err != nil {
		t.Fatal(err)
	}
	if took := before - need.FreeBytes(t, dir); took > 1<<20 {
		t.Errorf("the files took %d bytes", took)
	}
	for _, name := range []string{"whole", "odd", "sparse", "unaligned", "small"} {
		got, err := os.ReadFile(filepath.Join(staged, name))
		if err != nil || int64(len(got)) != tr.Lookup(name).Size || sha256.Sum256(got) != tr.Lookup(name).SHA256 {
			t.Errorf("%s: wrong content, error %v", name, err)
		}
	}

	tr.Lookup("whole").SHA256[3]++
	if _, err := stage.Dir(t.Context(), tr, p, target(t, dir), sdk.StagingPlain, nil); !errors.Is(err, stage.ErrContent) {
		t.Errorf("with a wrong digest: %v", err)
	}
}
