package sdk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"banger/sdk/tree"
)

// treeFile writes a small tree and returns a request for it.
func treeFile(t *testing.T) *Request {
	t.Helper()
	tr := tree.Tree{Entries: []tree.Entry{{Type: tree.Directory, Mode: 0o755}, {Path: "a", Type: tree.Fifo, Mode: 0o600}}}
	path := filepath.Join(t.TempDir(), "tree")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return &Request{TreePath: path, TreeDigest: "sha256:" + hex.EncodeToString(sum[:])}
}

func TestRequestTree(t *testing.T) {
	t.Parallel()
	req := treeFile(t)
	first, err := req.Tree()
	if err != nil || len(first.Entries) != 2 {
		t.Fatalf("tree is %v, %v", first, err)
	}
	if err := os.Remove(req.TreePath); err != nil {
		t.Fatal(err)
	}
	if again, err := req.Tree(); again != first || err != nil {
		t.Errorf("the tree is read twice: %v", err)
	}
}

func TestRequestTreeIsVerified(t *testing.T) {
	t.Parallel()
	req := treeFile(t)
	req.TreeDigest = "sha256:" + hex.EncodeToString(make([]byte, 32))
	if _, err := req.Tree(); !errors.Is(err, ErrDigest) {
		t.Errorf("error is %v", err)
	}
	if err := os.WriteFile(req.TreePath, []byte("no tree"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := req.Tree(); !errors.Is(err, tree.ErrCorrupt) {
		t.Errorf("error is %v", err)
	}
}

func TestRequestPacks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pack")
	if err := os.WriteFile(path, []byte("bodies"), 0o600); err != nil {
		t.Fatal(err)
	}
	req := &Request{PackPaths: []string{path, path + ".missing"}}
	packs := req.Packs()
	var wg sync.WaitGroup
	files := make([]*os.File, 8)
	for i := range files {
		wg.Go(func() { files[i], _ = packs.Pack(0) })
	}
	wg.Wait()
	for _, f := range files {
		if f == nil || f != files[0] {
			t.Fatalf("packs are %v", files)
		}
	}
	for _, layer := range []int{-1, 1, 2} {
		if _, err := packs.Pack(layer); err == nil {
			t.Errorf("pack %d is there", layer)
		}
	}
	if err := req.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := files[0].Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the pack is still open: %v", err)
	}
	if _, err := packs.Pack(0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a pack after the end: %v", err)
	}
}

func TestRequestStagingLosses(t *testing.T) {
	t.Parallel()
	if losses, err := (&Request{}).StagingLosses(); losses != nil || err != nil {
		t.Errorf("losses of nothing are %v, %v", losses, err)
	}
	path := filepath.Join(t.TempDir(), "losses")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Loss{Path: "a", Field: "owner"}
	if err := errors.Join(WriteLosses(f, []Loss{want}), f.Close()); err != nil {
		t.Fatal(err)
	}
	if losses, err := (&Request{StagingLossesPath: path}).StagingLosses(); err != nil || len(losses) != 1 || losses[0] != want {
		t.Errorf("losses are %v, %v", losses, err)
	}
	if _, err := (&Request{StagingLossesPath: path + ".missing"}).StagingLosses(); err == nil {
		t.Error("a missing list is no error")
	}
}

func TestRequestWithoutEvents(t *testing.T) {
	t.Parallel()
	req := &Request{}
	req.Log(LogInfo, "to nobody")
	req.Progress(Progress{})
	req.Lose(Loss{})
}
