package flatten_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/core/unpack"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// Short names for the handmade entries.
var (
	file, dir, symlink, hardlink = tartest.File, tartest.Dir, tartest.Symlink, tartest.Hardlink
	device, fifo, pax            = tartest.Device, tartest.Fifo, tartest.PAX
	longName, longLink           = tartest.GNULongName, tartest.GNULongLink
	tarOf                        = tartest.Join
)

// unpacked are layers as flatten takes them, with the contents of their
// packs.
type unpacked struct {
	layers []*layer.Index
	packs  map[string][]byte // by diffID
}

// unpackAll unpacks plain tars.
func unpackAll(t testing.TB, tars ...[]byte) unpacked {
	t.Helper()
	u := unpacked{packs: map[string][]byte{}}
	for i, b := range tars {
		x, pack, err := unpackTar(t.Context(), b)
		if err != nil {
			t.Fatalf("unpack layer %d: %v", i, err)
		}
		u.layers = append(u.layers, x)
		u.packs[x.DiffID] = pack
	}
	return u
}

func unpackTar(ctx context.Context, b []byte) (*layer.Index, []byte, error) {
	var pack, index bytes.Buffer
	l := unpack.Layer{Size: -1, DiffID: digest.FromBytes(b)}
	if _, err := unpack.Unpack(ctx, bytes.NewReader(b), l, unpack.Dest{Pack: &pack, Index: &index}, unpack.Limits{}, nil); err != nil {
		return nil, nil, err
	}
	x, err := layer.Parse(index.String())
	return x, pack.Bytes(), err
}

// read returns a file's content and checks it against its digest.
func (u unpacked) read(t testing.TB, tr *tree.Tree, e *tree.Entry) string {
	t.Helper()
	body := make([]byte, e.Size)
	for _, x := range e.Extents {
		copy(body[x.Offset:x.Offset+x.Length], u.packs[tr.Layers[x.Layer]][x.PackOffset:])
	}
	if sha256.Sum256(body) != e.SHA256 {
		t.Errorf("%q: content does not match its sha256", e.Path)
	}
	return string(body)
}

// show writes a tree down, a line an entry. Attributes are shown where they
// are not those of tartest's functions, and for the root not those of a root
// that no entry declares.
func (u unpacked) show(t testing.TB, tr *tree.Tree) []string {
	t.Helper()
	var lines []string
	for i := range tr.Entries {
		e := &tr.Entries[i]
		line := e.Path + u.showType(t, tr, e) + showAttrs(e)
		if e.Links != 0 {
			line += fmt.Sprintf(" links=%d", e.Links)
		}
		if line != "/" {
			lines = append(lines, line)
		}
	}
	return lines
}

func (u unpacked) showType(t testing.TB, tr *tree.Tree, e *tree.Entry) string {
	switch e.Type {
	case tree.Directory:
		return "/"
	case tree.Regular:
		return "=" + u.read(t, tr, e)
	case tree.Symlink:
		return " -> " + e.Target
	case tree.Hardlink:
		return " => " + e.Target
	case tree.Fifo:
		return "|"
	}
	return fmt.Sprintf(" %s %d:%d", e.Type, e.DevMajor, e.DevMinor)
}

func showAttrs(e *tree.Entry) string {
	usual := map[tree.Type]uint32{
		tree.Regular: 0o644, tree.Directory: 0o755, tree.Symlink: 0o777, tree.CharDevice: 0o600, tree.BlockDevice: 0o600, tree.Fifo: 0o644,
	}
	mtime := tree.Time{Sec: tartest.MTime}
	if e.Path == "" || e.Type == tree.Hardlink {
		mtime = tree.Time{}
	}
	var s string
	if e.Mode != usual[e.Type] {
		s += fmt.Sprintf(" %04o", e.Mode)
	}
	if e.UID != 0 || e.GID != 0 {
		s += fmt.Sprintf(" %d:%d", e.UID, e.GID)
	}
	if e.MTime != mtime {
		s += fmt.Sprintf(" @%d", e.MTime.Sec)
	}
	for _, x := range e.Xattrs {
		s += fmt.Sprintf(" %s=%s", x.Name, x.Value)
	}
	return s
}

// ruleTest is a rule of flattening on handmade tars.
type ruleTest struct {
	name   string
	layers [][]byte // plain tars
	want   []string // as show has them
	err    error    // sentinel, instead of want
	entry  int      // index of the entry that err names
	opts   flatten.Options
}

func runRules(t *testing.T, tests []ruleTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := unpackAll(t, tt.layers...)
			tr, err := flatten.Flatten(t.Context(), u.layers, tt.opts)
			if tt.err != nil {
				checkError(t, u, err, tt)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.Validate(); err != nil {
				t.Error(err)
			}
			if got := u.show(t, tr.Tree); !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

// checkError wants tt's sentinel at tt's entry of the last layer.
func checkError(t *testing.T, u unpacked, err error, tt ruleTest) {
	t.Helper()
	var e *flatten.Error
	if !errors.Is(err, tt.err) || !errors.As(err, &e) {
		t.Fatalf("got error %v, want %v", err, tt.err)
	}
	last := u.layers[len(u.layers)-1]
	if e.Layer != last.DiffID || e.Entry != tt.entry || e.Path != last.Entries[tt.entry].Path {
		t.Errorf("%v\nnames layer %s, entry %d; want layer %s, entry %d", err, e.Layer, e.Entry, last.DiffID, tt.entry)
	}
}
