package sdk_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// leaning is a request that takes bodies, with a tree of two files and two
// names, and the image open.
func leaning(t *testing.T) (*sdk.Request, *tree.Tree, *os.File) {
	t.Helper()
	b := treetest.New(t.TempDir())
	b.Sparse(tree.Entry{Path: "a", Mode: 0o644}, 20000, treetest.Piece{Offset: 10, Data: "begin"}, treetest.Piece{Offset: 9000, Data: strings.Repeat("middle", 1000)})
	b.File("b", "the content of b")
	b.Link("c", "b")
	req, tr := requestOf(t, b)
	dir := t.TempDir()
	req.Output, req.BodiesPath = filepath.Join(dir, "image"), filepath.Join(dir, "bodies")
	f, err := os.Create(req.Output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return req, tr, f
}

// leftBy reads what a request has left.
func leftBy(t *testing.T, req *sdk.Request) []sdk.Body {
	t.Helper()
	if err := req.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(req.BodiesPath)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := sdk.ReadBodies(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What is left out is, when it is put in, what would have been written.
func TestCopyLeavesBodies(t *testing.T) {
	req, tr, f := leaning(t)
	for at, name := range map[int64]string{40960: "a", 100: "b", 7: "c"} {
		if err := req.Copy(t.Context(), f, at, tr.Lookup(name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || len(got) != 40960+15000 || len(bytes.Trim(got, "\x00")) > 0 {
		t.Errorf("the image has %d bytes, %v", len(got), err)
	}
	list := leftBy(t, req)
	if !slices.IsSortedFunc(list, func(a, b sdk.Body) int { return int(a.Offset - b.Offset) }) || len(list) != 4 {
		t.Errorf("left %+v", list)
	}
	pack, err := os.ReadFile(req.PackPaths[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		copy(got[b.Offset:][:b.Length], pack[b.PackOffset:])
	}
	want, err := os.Create(filepath.Join(t.TempDir(), "whole"))
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	whole, tr := requestAgain(t, req)
	for at, name := range map[int64]string{40960: "a", 100: "b", 7: "c"} {
		if err := whole.Copy(t.Context(), want, at, tr.Lookup(name)); err != nil {
			t.Fatal(err)
		}
	}
	if w, err := os.ReadFile(want.Name()); err != nil || !bytes.Equal(w, got) {
		t.Errorf("written, it has %d bytes that differ from %d with what was left, %v", len(w), len(got), err)
	}
}

// requestAgain is a request for the same tree as req, which is closed.
func requestAgain(t *testing.T, req *sdk.Request) (*sdk.Request, *tree.Tree) {
	t.Helper()
	again := &sdk.Request{TreePath: req.TreePath, TreeDigest: req.TreeDigest, PackPaths: req.PackPaths}
	t.Cleanup(func() { _ = again.Close() })
	tr, err := again.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return again, tr
}

// A range of the content is copied as it is, whatever it begins and ends in.
func TestCopyRange(t *testing.T) {
	req, tr, _ := leaning(t)
	e := tr.Lookup("a")
	c, err := req.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, e.Size)
	if _, err := c.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		from := rapid.Int64Range(0, 21000).Draw(r, "from")
		length := rapid.OneOf(rapid.Int64Range(0, 21000), rapid.Just(int64(1<<63-1))).Draw(r, "length")
		f, err := os.Create(filepath.Join(t.TempDir(), "range"))
		if err != nil {
			r.Fatal(err)
		}
		defer f.Close()
		if err := req.CopyRange(t.Context(), f, 3, e, from, length); err != nil {
			r.Fatal(err)
		}
		want := content[min(from, e.Size):]
		want = append(make([]byte, 3), want[:min(length, int64(len(want)))]...)
		got, err := os.ReadFile(f.Name())
		if err != nil || len(got) > len(want) || !bytes.Equal(append(got, make([]byte, len(want)-len(got))...), want) {
			r.Fatalf("%d bytes that differ, %v", len(got), err)
		}
	})
}

// What is not copied to the image is written, and so is what is copied now.
func TestCopyWrites(t *testing.T) {
	req, tr, f := leaning(t)
	other, err := os.Create(filepath.Join(req.Output + ".other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := req.Copy(t.Context(), other, 0, tr.Lookup("b")); err != nil {
		t.Fatal(err)
	}
	if err := req.CopyNow(t.Context(), f, 0, tr.Lookup("b")); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{other, f} {
		if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "the content of b" {
			t.Errorf("%s holds %q, %v", f.Name(), got, err)
		}
	}
	if err := req.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(req.BodiesPath); err == nil {
		t.Error("there is a list of bodies")
	}
}

// An image that is another file in the end lacks nothing that anyone knows of.
func TestImageIsReplaced(t *testing.T) {
	req, tr, f := leaning(t)
	if err := req.Copy(t.Context(), f, 0, tr.Lookup("b")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(req.Output+".new", []byte("another image"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(req.Output+".new", req.Output); err != nil {
		t.Fatal(err)
	}
	if err := req.Close(); err == nil || !strings.Contains(err.Error(), "CopyNow") {
		t.Errorf("got %v", err)
	}
}

// What is placed early is what would be left in the end, and later contents are
// written. A second call, and one of nothing, say nothing.
func TestPlaced(t *testing.T) {
	req, tr, f := leaning(t)
	said := &placedSizes{}
	req.Events = said
	if err := req.Placed(1); err != nil || len(*said) > 0 {
		t.Errorf("with nothing left: %v, %v", *said, err)
	}
	if err := req.Copy(t.Context(), f, 100, tr.Lookup("b")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := req.Placed(5000); err != nil {
			t.Fatal(err)
		}
	}
	if want := (placedSizes{5000}); !slices.Equal(*said, want) {
		t.Errorf("said %v, want %v", *said, want)
	}
	early, err := os.ReadFile(req.BodiesPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Copy(t.Context(), f, 200, tr.Lookup("b")); err != nil {
		t.Fatal(err)
	}
	if list := leftBy(t, req); len(list) != 1 || list[0].Offset != 100 {
		t.Errorf("left %+v", list)
	}
	if now, err := os.ReadFile(req.BodiesPath); err != nil || !bytes.Equal(now, early) {
		t.Errorf("the list has changed, %v", err)
	}
	if image, err := os.ReadFile(f.Name()); err != nil || string(bytes.Trim(image, "\x00")) != "the content of b" {
		t.Errorf("the image holds %q, %v", image, err)
	}
}

type placedSizes []int64

func (s *placedSizes) Placed(size int64)      { *s = append(*s, size) }
func (*placedSizes) Log(sdk.LogLevel, string) {}
func (*placedSizes) Progress(sdk.Progress)    {}
func (*placedSizes) Lose([]sdk.Loss)          {}

// Where banger takes no bodies, there is nothing to say.
func TestPlacedOfWholeImage(t *testing.T) {
	req, tr, f := leaning(t)
	path := req.BodiesPath
	said := &placedSizes{}
	req.BodiesPath, req.Events = "", said
	if err := errors.Join(req.Copy(t.Context(), f, 100, tr.Lookup("b")), req.Placed(5000), req.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil || len(*said) > 0 {
		t.Errorf("said %v; of the list: %v", *said, err)
	}
}

// An image that is replaced after its contents were placed has none of them.
func TestPlacedImageIsReplaced(t *testing.T) {
	req, tr, f := leaning(t)
	if err := errors.Join(req.Copy(t.Context(), f, 0, tr.Lookup("b")), req.Placed(5000), os.Remove(req.Output), os.WriteFile(req.Output, []byte("another image"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := req.Close(); err == nil || !strings.Contains(err.Error(), "CopyNow") {
		t.Errorf("got %v", err)
	}
}

func FuzzReadBodies(f *testing.F) {
	write := func(list ...sdk.Body) []byte {
		var b bytes.Buffer
		if err := sdk.WriteBodies(&b, list); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	f.Add(write())
	f.Add(write(sdk.Body{Offset: 1, Layer: 2, PackOffset: 3, Length: 4}, sdk.Body{}, sdk.Body{Offset: 1 << 62, Layer: 1 << 30, PackOffset: 1 << 62, Length: 1 << 62}))
	f.Add([]byte("\x02\x08"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := sdk.ReadBodies(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, x := range list {
			if x.Offset < 0 || x.Layer < 0 || x.PackOffset < 0 || x.Length < 0 {
				t.Fatalf("read %+v", x)
			}
		}
		again, err := sdk.ReadBodies(bytes.NewReader(write(list...)), 0)
		if err != nil || !slices.Equal(again, list) {
			t.Fatalf("written and read again: %+v, %v, want %+v", again, err, list)
		}
	})
}
