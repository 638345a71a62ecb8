package core

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banger/cas"
	"banger/core/source"
	"banger/internal/need"
)

// packed makes a compressed archive of an image's layout.
func packed(t *testing.T, im Image) Image {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.AddFS(os.DirFS(strings.TrimPrefix(im.Ref, "oci:")))
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	im.Ref = "oci-archive:" + path
	return im
}

// TestReadOnlyStore: what the store has can be had of it, from every kind of
// source, and everything else says why not.
func TestReadOnlyStore(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	archive := packed(t, im)
	out := filepath.Join(t.TempDir(), "out")
	if _, err := e.Pull(t.Context(), im); err != nil {
		t.Fatal(err)
	}
	built, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "dir", Output: out})
	if err != nil {
		t.Fatal(err)
	}

	need.ReadOnly(t, e.Store.Dir())
	s, err := cas.Open(t.Context(), e.Store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := e.Config
	c.Store, c.TempDir = s, t.TempDir()
	c.Host = fakeHost(t, s)
	e = New(c)
	for _, im := range []Image{im, archive} {
		o := BuildOptions{Image: im, Builder: "dir", Output: out}
		if r, err := e.Build(t.Context(), o); err != nil || !r.Cached || r.Artifact != built.Artifact {
			t.Errorf("build %s: %+v, %v", im.Ref, r, err)
		}
		_, _, treeErr := e.Tree(t.Context(), im)
		if err := errors.Join(treeErr, e.Export(t.Context(), im, io.Discard)); err != nil {
			t.Errorf("%s: %v", im.Ref, err)
		}
		o.NoCache = true
		if _, err := e.Build(t.Context(), o); !errors.Is(err, cas.ErrReadOnly) {
			t.Errorf("build %s anew: %v", im.Ref, err)
		}
	}
	if _, err := e.Pull(t.Context(), im); err != nil {
		t.Errorf("pull of what is there: %v", err)
	}
	if left, err := os.ReadDir(c.TempDir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	e.TempDir = ""
	if _, _, err := e.Tree(t.Context(), archive); !errors.Is(err, cas.ErrReadOnly) || !errors.Is(err, source.ErrTemporary) {
		t.Errorf("no place for a temporary file: %v", err)
	}
}

// TestSpoolOnFullDisk fills the store's disk with the copy of an archive: it is
// the store that has no space left.
func TestSpoolOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	need.Tmpfs(t, dir, "size=256k")
	s, err := cas.Open(t.Context(), filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	e := New(Config{Store: s, TempDir: t.TempDir()})
	small := packed(t, twoLayers(t))
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 240<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = e.Tree(t.Context(), small)
	if !errors.Is(err, cas.ErrNoSpace) || !errors.Is(err, source.ErrTemporary) {
		t.Errorf("got %v", err)
	}
	if left := expandAll(t, e, "tmp/*/*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	if _, _, err = e.Tree(t.Context(), small); err != nil {
		t.Errorf("with space again: %v", err)
	}
}
