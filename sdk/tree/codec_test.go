package tree_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"banger/sdk/tree"
)

func encode(t rapid.TB, tr *tree.Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := tr.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d bytes, said %d: %v", b.Len(), n, err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := trees.Draw(t, "tree")
		file := encode(t, tr)
		got, err := tree.Parse(string(file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tr, got); diff != "" {
			t.Fatalf("(-written +parsed):\n%s", diff)
		}
		if got, err = tree.Read(iotest.HalfReader(bytes.NewReader(file))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tr, got); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
		if !bytes.Equal(encode(t, got), file) {
			t.Fatal("read and written again, the bytes differ")
		}
	})
}

// TestReadLayers reads the layers of a tree, and no more of it than needed.
func TestReadLayers(t *testing.T) {
	want := small()
	file := encode(t, want)
	got, err := tree.ReadLayers(io.MultiReader(bytes.NewReader(file[:40]), iotest.ErrReader(errors.New("beyond the header"))))
	if diff := cmp.Diff(want.Layers, got); err != nil || diff != "" {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
	for n := range 10 {
		if _, err := tree.ReadLayers(bytes.NewReader(file[:n])); !errors.Is(err, tree.ErrCorrupt) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// small is a tree with one of each type.
func small() *tree.Tree {
	mtime := tree.Time{Sec: -1, Nsec: 5}
	return &tree.Tree{Layers: []string{"sha256:a", ""}, Entries: []tree.Entry{
		{Path: "", Type: tree.Directory, Mode: 0o755, MTime: mtime},
		{Path: "a", Type: tree.Regular, Links: 2, Size: 9, Extents: []tree.Extent{{Offset: 1, Layer: 1, PackOffset: 4096, Length: 8}}},
		{Path: "b", Type: tree.Hardlink, Target: "a"},
		{Path: "c", Type: tree.CharDevice, DevMajor: 1, DevMinor: 3},
		{Path: "d", Type: tree.Directory, UID: 1<<32 - 1},
		{Path: "d-", Type: tree.Fifo},
		{Path: "d/s", Type: tree.Symlink, Target: "../a", Xattrs: []tree.Xattr{{Name: "user.a"}, {Name: "user.b", Value: "\x00"}}},
	}}
}

func TestCutShort(t *testing.T) {
	file := encode(t, small())
	for n := range file {
		if _, err := tree.Read(bytes.NewReader(file[:n])); !errors.Is(err, tree.ErrCorrupt) {
			t.Fatalf("cut at %d of %d: %v", n, len(file), err)
		}
		if _, err := tree.Parse(string(file[:n])); !errors.Is(err, tree.ErrCorrupt) {
			t.Fatalf("cut at %d of %d, parsed: %v", n, len(file), err)
		}
	}
	if _, err := tree.Read(bytes.NewReader(append(file, 0))); !errors.Is(err, tree.ErrCorrupt) {
		t.Errorf("with a byte more: %v", err)
	}
}

func TestReaderErrorsAreNotDamage(t *testing.T) {
	file := encode(t, small())
	broken := fmt.Errorf("broken: %w", io.ErrUnexpectedEOF)
	for n := range len(file) + 1 {
		_, err := tree.Read(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) || errors.Is(err, tree.ErrCorrupt) {
			t.Fatalf("broken after %d of %d: %v", n, len(file), err)
		}
	}
}

type fullAfter int

func (f *fullAfter) Write(p []byte) (int, error) {
	if *f -= fullAfter(len(p)); *f < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	tr := small()
	tr.Layers = []string{strings.Repeat("x", 100<<10)}
	for _, room := range []fullAfter{0, 80 << 10} {
		if _, err := tr.WriteTo(&room); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("error %v", err)
		}
	}
	tr.Entries[6].Xattrs[1].Value = strings.Repeat("x", 100<<10)
	room := fullAfter(180 << 10)
	if _, err := tr.WriteTo(&room); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("error %v", err)
	}
}

func TestLookup(t *testing.T) {
	tr := small()
	for i := range tr.Entries {
		if e := tr.Lookup(tr.Entries[i].Path); e != &tr.Entries[i] {
			t.Errorf("%q: %v", tr.Entries[i].Path, e)
		}
	}
	for _, path := range []string{"0", "d/", "zz", "/"} {
		if e := tr.Lookup(path); e != nil {
			t.Errorf("%q: %v", path, e)
		}
	}
}

func TestHelpers(t *testing.T) {
	for path, want := range map[string][2]string{"": {"", ""}, "a": {"", "a"}, "a/b": {"a", "b"}, "a/b/c": {"a/b", "c"}} {
		if got := [2]string{tree.Dir(path), tree.Base(path)}; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	e := tree.Entry{Extents: []tree.Extent{{Length: 3}, {Offset: 9, Length: 4}}}
	if e.DataSize() != 7 {
		t.Errorf("data size %d", e.DataSize())
	}
	if got := (tree.Time{Sec: -1, Nsec: 5e8}).Time(); got.UnixMilli() != -500 {
		t.Errorf("time %v", got)
	}
	for typ := range tree.Type(9) {
		if known := typ.String() != "unknown"; known != typ.Valid() || typ.Valid() != (typ >= 1 && typ <= 7) {
			t.Errorf("type %d: %q, valid %v", typ, typ, typ.Valid())
		}
	}
}
