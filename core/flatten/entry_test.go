package flatten_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/internal/hint"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// TestAttributes wants what an entry says in the tree, to the last bit.
func TestAttributes(t *testing.T) {
	runRules(t, []ruleTest{
		{
			name: "all twelve mode bits, ids of 32 bits",
			layers: [][]byte{tarOf(
				tartest.Entry(tartest.Header{Name: "a", Mode: 0o7777, UID: 1<<32 - 1, GID: 1 << 31, MTime: tartest.MTime, Format: tartest.GNU}, "A"),
				tartest.Entry(tartest.Header{Name: "b", Mode: 0, MTime: tartest.MTime}, "B"),
			)},
			want: []string{"a=A 7777 4294967295:2147483648", "b=B 0000"},
		},
		{
			name: "times before 1970 and after 2038",
			layers: [][]byte{tarOf(
				tartest.Entry(tartest.Header{Name: "a", Mode: 0o644, MTime: -1 << 33, Format: tartest.GNU}, ""),
				tartest.Entry(tartest.Header{Name: "b", Mode: 0o644, MTime: 1 << 33, Format: tartest.GNU}, ""),
			)},
			want: []string{"a= @-8589934592", "b= @8589934592"},
		},
		{
			name:   "xattrs of all types",
			layers: [][]byte{tarOf(pax("SCHILY.xattr.user.b=2", "SCHILY.xattr.user.a=1"), file("f", "F"), pax("SCHILY.xattr.trusted.x=y"), symlink("s", "f"))},
			want:   []string{"f=F user.a=1 user.b=2", "s -> f trusted.x=y"},
		},
		{
			name: "sparse files",
			layers: [][]byte{tarOf(tartest.Entry(tartest.Header{
				Name: "s", Mode: 0o644, MTime: tartest.MTime, Format: tartest.GNU, RealSize: 8,
				Sparse: []tartest.Segment{{Offset: 2, Length: 2}, {Offset: 6, Length: 1}},
			}, "abc"))},
			want: []string{"s=\x00\x00ab\x00\x00c\x00"},
		},
	})
	u := unpackAll(t, tarOf(pax("mtime=-0.000000001"), file("f", "")))
	tr, err := flatten.Flatten(t.Context(), u.layers, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Lookup("f").MTime; got != (tree.Time{Sec: -1, Nsec: 999_999_999}) {
		t.Errorf("mtime %v", got)
	}
}

// TestInvalidEntries are entries that core/unpack never writes.
func TestInvalidEntries(t *testing.T) {
	regular := tree.Entry{Path: "x", Type: tree.Regular, Size: 10}
	with := func(change func(*tree.Entry)) tree.Entry {
		e := regular
		change(&e)
		return e
	}
	for name, tt := range map[string]struct {
		e   tree.Entry
		err error
	}{
		"no type":             {tree.Entry{Path: "x"}, flatten.ErrInvalid},
		"unknown type":        {tree.Entry{Path: "x", Type: 8}, flatten.ErrInvalid},
		"mode of 13 bits":     {with(func(e *tree.Entry) { e.Mode = 0o10000 }), flatten.ErrInvalid},
		"NUL in name":         {with(func(e *tree.Entry) { e.Path = "a\x00b" }), flatten.ErrInvalid},
		"empty name, a file":  {with(func(e *tree.Entry) { e.Path = "" }), flatten.ErrInvalid},
		"xattr without name":  {with(func(e *tree.Entry) { e.Xattrs = []tree.Xattr{{}} }), flatten.ErrInvalid},
		"NUL in xattr name":   {with(func(e *tree.Entry) { e.Xattrs = []tree.Xattr{{Name: "user.\x00"}} }), flatten.ErrInvalid},
		"negative size":       {with(func(e *tree.Entry) { e.Size = -1 }), flatten.ErrInvalid},
		"extent past the end": {with(func(e *tree.Entry) { e.Extents = []tree.Extent{{Offset: 5, Length: 6}} }), flatten.ErrInvalid},
		"extents overlap":     {with(func(e *tree.Entry) { e.Extents = []tree.Extent{{Length: 6}, {Offset: 5, Length: 1}} }), flatten.ErrInvalid},
		"empty extent":        {with(func(e *tree.Entry) { e.Extents = []tree.Extent{{}} }), flatten.ErrInvalid},
		"symlink to nothing":  {tree.Entry{Path: "x", Type: tree.Symlink}, flatten.ErrInvalid},
		"symlink with NUL":    {tree.Entry{Path: "x", Type: tree.Symlink, Target: "a\x00"}, flatten.ErrInvalid},
		"symlink too long":    {tree.Entry{Path: "x", Type: tree.Symlink, Target: strings.Repeat("t", 4096)}, flatten.ErrLimit},
		"hardlink to nothing": {tree.Entry{Path: "x", Type: tree.Hardlink}, flatten.ErrHardlink},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := flatten.Flatten(t.Context(), []*layer.Index{{DiffID: "l", Entries: []tree.Entry{tt.e}}}, flatten.Options{})
			if !errors.Is(err, tt.err) {
				t.Errorf("got error %v, want %v", err, tt.err)
			}
		})
	}
}

// TestXattrOrder wants unsorted and repeated xattrs of an index mended.
func TestXattrOrder(t *testing.T) {
	e := tree.Entry{Path: "x", Type: tree.Fifo, Xattrs: []tree.Xattr{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b", Value: "3"}}}
	tr, err := flatten.Flatten(t.Context(), []*layer.Index{{DiffID: "l", Entries: []tree.Entry{e}}}, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Entries[1].Xattrs; !slices.Equal(got, []tree.Xattr{{Name: "a", Value: "2"}, {Name: "b", Value: "3"}}) {
		t.Errorf("got %v", got)
	}
}

// TestLinkXattrsLeaveTheLayersAlone has links change xattrs that an index
// holds.
func TestLinkXattrsLeaveTheLayersAlone(t *testing.T) {
	xattrs := func(values ...string) (list []tree.Xattr) {
		for i, v := range values {
			list = append(list, tree.Xattr{Name: fmt.Sprintf("user.%d", i), Value: v})
		}
		return list
	}
	x := &layer.Index{DiffID: "l", Entries: []tree.Entry{
		{Path: "f", Type: tree.Regular, Xattrs: xattrs("a", "b")},
		{Path: "l", Type: tree.Hardlink, Target: "f", Xattrs: xattrs("c")},
	}}
	tr, err := flatten.Flatten(t.Context(), []*layer.Index{x}, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Entries[1].Xattrs; !slices.Equal(got, xattrs("c", "b")) {
		t.Errorf("the tree has %v", got)
	}
	if got := x.Entries[0].Xattrs; !slices.Equal(got, xattrs("a", "b")) {
		t.Errorf("the layer has become %v", got)
	}
}

func TestWarnings(t *testing.T) {
	u := unpackAll(t,
		tarOf(device("kept", '3', 0, 0), device("gone", '3', 0, 0), device("over", '3', 0, 0), device("ok", '3', 1, 3), device("one", '3', 0, 1), device("block", '4', 0, 0)),
		tarOf(symlink("l", "d"), file(".wh.gone", ""), file("over", "O"), device("l/moved", '3', 0, 0)),
	)
	tr, err := flatten.Flatten(t.Context(), u.layers, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e := tr.Lookup("kept"); e == nil || e.Type != tree.CharDevice || e.DevMajor != 0 || e.DevMinor != 0 {
		t.Errorf("the device 0:0 has become %v", e)
	}
	var got []string
	for _, w := range tr.Warnings {
		got = append(got, fmt.Sprintf("%s %d %s", w.Layer, w.Entry, w.Path))
		if !strings.Contains(w.Text, "0:0") {
			t.Errorf("text %q", w.Text)
		}
	}
	want := []string{u.layers[0].DiffID + " 0 kept", u.layers[1].DiffID + " 3 d/moved"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestLayers wants the layers that hold contents, each once, as the entries
// refer to them.
func TestLayers(t *testing.T) {
	low, mid, top := tarOf(file("z", "Z"), file("gone", "G")), tarOf(file("gone", "x"), dir("d/")), tarOf(file("a", "A"), file(".wh.gone", ""))
	u := unpackAll(t, low, mid, top, low)
	tr, err := flatten.Flatten(t.Context(), u.layers, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{u.layers[2].DiffID, u.layers[0].DiffID}; !slices.Equal(tr.Layers, want) {
		t.Errorf("got layers %q, want %q", tr.Layers, want)
	}
	if got, want := u.show(t, tr.Tree), []string{"a=A", "d/", "gone=G", "z=Z"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLimits(t *testing.T) {
	deep := tarOf(dir("a/b/c/"), symlink("l", "a/b"), file("l/c/d", "D"))
	for _, tt := range []struct {
		name string
		opts flatten.Options
		flag string // empty: within the limits
	}{
		{"entries, with the two implied", flatten.Options{MaxEntries: 5}, ""},
		{"one entry too many", flatten.Options{MaxEntries: 4}, "--limit-entries"},
		{"depth", flatten.Options{MaxDepth: 4}, ""},
		{"one level too deep, through a symlink", flatten.Options{MaxDepth: 3}, "--limit-depth"},
		{"one level too deep by name", flatten.Options{MaxDepth: 2}, "--limit-depth"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr, err := flatten.Flatten(t.Context(), unpackAll(t, deep).layers, tt.opts)
			if tt.flag == "" && (err != nil || tr.MaxEntries != 5 || tr.MaxDepth != 4) {
				t.Fatalf("got %+v, error %v", tr, err)
			}
			if tt.flag != "" && (!errors.Is(err, flatten.ErrLimit) || !strings.Contains(hint.Of(err), tt.flag)) {
				t.Errorf("got error %v, hint %q", err, hint.Of(err))
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	u := unpackAll(t, tarOf(dir("d/"), file("/etc/\x1bx", "")))
	_, err := flatten.Flatten(t.Context(), u.layers, flatten.Options{})
	want := "flatten layer " + u.layers[0].DiffID + `: entry 1, "/etc/\x1bx": unsafe path: absolute entry name`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if h := hint.Of(err); !strings.Contains(h, "--unsafe-paths contain") {
		t.Errorf("hint %q", h)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	u := unpackAll(t, base())
	cancel()
	if _, err := flatten.Flatten(ctx, u.layers, flatten.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
}
