package sdk_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// requestOf returns a request with a tree that treetest made.
func requestOf(t *testing.T, b *treetest.Builder) (*sdk.Request, *tree.Tree) {
	t.Helper()
	dir := t.TempDir()
	tr, packs := b.Tree()
	pack, err := io.ReadAll(io.NewSectionReader(packs.File, 0, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := tr.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text.Bytes())
	req := &sdk.Request{
		TreePath: filepath.Join(dir, "tree"), TreeDigest: "sha256:" + hex.EncodeToString(sum[:]), PackPaths: []string{filepath.Join(dir, "pack")},
	}
	for path, b := range map[string][]byte{req.TreePath: text.Bytes(), req.PackPaths[0]: pack} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := req.Close(); err != nil {
			t.Error(err)
		}
	})
	return req, tr
}

// Whatever is data and whatever a hole, content is read and copied as the tree
// says.
func TestContent(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := treetest.New(t.TempDir())
		var want []byte
		var pieces []treetest.Piece
		for range rapid.IntRange(0, 5).Draw(r, "pieces") {
			want = append(want, make([]byte, rapid.IntRange(0, 9000).Draw(r, "hole"))...)
			data := rapid.StringN(1, 50, -1).Draw(r, "data")
			pieces = append(pieces, treetest.Piece{Offset: int64(len(want)), Data: data})
			want = append(want, data...)
		}
		want = append(want, make([]byte, rapid.IntRange(0, 9000).Draw(r, "end"))...)
		b.Sparse(tree.Entry{Path: "f", Mode: 0o644}, int64(len(want)), pieces...)
		b.Link("g", "f")
		req, tr := requestOf(t, b)
		for _, name := range []string{"f", "g"} {
			checkContent(t, req, tr.Lookup(name), want)
		}
	})
}

func checkContent(t *testing.T, req *sdk.Request, e *tree.Entry, want []byte) {
	t.Helper()
	c, err := req.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes that differ, %v", len(got), err)
	}
	for at := 0; at < len(want); at += 1777 {
		p := make([]byte, 5000)
		n, err := c.ReadAt(p, int64(at))
		if end := min(at+len(p), len(want)); !bytes.Equal(p[:n], want[at:end]) || (err != nil) != (n < len(p)) {
			t.Errorf("read %d bytes at %d, %v", n, at, err)
		}
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const offset = 4096
	if err := f.Truncate(offset + int64(len(want))); err != nil {
		t.Fatal(err)
	}
	if err := req.Copy(t.Context(), f, offset, e); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(got[offset:], want) || !bytes.Equal(got[:offset], make([]byte, offset)) {
		t.Errorf("copied %d bytes that differ, %v", len(got), err)
	}
}

func TestContentOfWhatHasNone(t *testing.T) {
	t.Parallel()
	req, tr := requestOf(t, treetest.New(t.TempDir()))
	if _, err := req.Open(tr.Lookup("")); err == nil {
		t.Error("opened a directory")
	}
	if err := req.Copy(t.Context(), nil, 0, tr.Lookup("")); err == nil {
		t.Error("copied a directory")
	}
}

// A filesystem that cannot copy by itself is copied to all the same.
func TestCopyToAnotherFilesystem(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/dev/shm", "banger-test-")
	if err != nil {
		t.Skip("needs a filesystem in memory:", err)
	}
	defer os.RemoveAll(dir)
	b := treetest.New(t.TempDir())
	b.File("f", "hello")
	req, tr := requestOf(t, b)
	f, err := os.Create(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := req.Copy(t.Context(), f, 3, tr.Lookup("f")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "\x00\x00\x00hello" {
		t.Errorf("copied %q, %v", got, err)
	}
}
