package treetar_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"banger/internal/treetest"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

func TestErrors(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.Dir("d")
	b.File("d/f", strings.Repeat("content", 1000))
	errPack := errors.New("no such pack")
	tests := []struct {
		name   string
		change func(e *tree.Entry)
		packs  tree.Packs // nil for the right ones
		want   error
		says   string
	}{
		{"wrong hash", func(e *tree.Entry) { e.SHA256[0]++ }, nil, treetar.ErrContent, `"d/f"`},
		{"other bytes", func(e *tree.Entry) { e.Extents[0].PackOffset, e.Extents[0].Length, e.Size = 1, 6999, 6999 }, nil, treetar.ErrContent, `"d/f"`},
		{"short pack", func(e *tree.Entry) { e.Extents[0].PackOffset = 1 }, nil, treetar.ErrContent, "too short"},
		{"wrong hash of nothing", func(e *tree.Entry) { e.Extents, e.Size = nil, 0 }, nil, treetar.ErrContent, `"d/f"`},
		{"layer out of range", func(e *tree.Entry) { e.Extents[0].Layer = 7 }, nil, treetar.ErrContent, "layer 7"},
		{"no pack", func(*tree.Entry) {}, noPacks{errPack}, errPack, `"d/f"`},
		{"dangling hardlink", func(e *tree.Entry) { *e = tree.Entry{Path: "d/f", Type: tree.Hardlink, Target: "x"} }, nil, tree.ErrCorrupt, `"d/f"`},
		{"unknown type", func(e *tree.Entry) { e.Type = 99 }, nil, tree.ErrCorrupt, `"d/f"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, p := b.Tree()
			e := tr.Lookup("d/f")
			e.Extents = append([]tree.Extent(nil), e.Extents...)
			test.change(e)
			var packs tree.Packs = p
			if test.packs != nil {
				packs = test.packs
			}
			var out bytes.Buffer
			err := treetar.Write(t.Context(), &out, tr, packs)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
			if bytes.HasSuffix(out.Bytes(), make([]byte, 1024)) {
				t.Error("the archive looks whole")
			}
		})
	}
}

type noPacks struct{ err error }

func (p noPacks) Pack(int) (*os.File, error) { return nil, p.err }

func TestWriterFails(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.File("f", strings.Repeat("content", 1<<20))
	b.Sparse(tree.Entry{Path: "s"}, 1<<24, treetest.Piece{Offset: 1 << 23, Data: "x"})
	tr, p := b.Tree()
	for _, n := range []int{0, 1, 512, 1 << 20, 7<<20 + 1000, 7<<20 + 3000} {
		if err := treetar.Write(t.Context(), &limited{n}, tr, p); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// limited takes n bytes.
type limited struct{ n int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.n {
		return l.n, io.ErrShortWrite
	}
	l.n -= len(p)
	return len(p), nil
}

func TestCancel(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.File("f", strings.Repeat("content", 1<<20))
	tr, p := b.Tree()
	for _, after := range []int64{0, 2 << 20} {
		ctx, cancel := context.WithCancel(t.Context())
		err := treetar.Write(ctx, &canceller{after, cancel}, tr, p)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}

// canceller cancels once it has taken more than left bytes.
type canceller struct {
	left   int64
	cancel func()
}

func (c *canceller) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left <= 0 {
		c.cancel()
	}
	return len(p), nil
}

// TestGolden pins the bytes: builders' outputs are cached by the tree that
// goes into them. If it fails on purpose, builders that take a tar need new
// revisions.
func TestGolden(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.Dir("etc")
	b.Content(tree.Entry{Path: "etc/passwd", Mode: 0o644, UID: 3, GID: 4, MTime: tree.Time{Sec: 1700000000}}, "root:x:0:0\n")
	b.Link("etc/passwd-", "etc/passwd")
	b.Add(tree.Entry{Path: "etc/s", Type: tree.Symlink, Mode: 0o777, Target: "/" + strings.Repeat("\xff", 120)})
	b.Add(tree.Entry{Path: "null", Type: tree.CharDevice, Mode: 0o666, DevMajor: 1, DevMinor: 3, MTime: tree.Time{Sec: -5, Nsec: 250}})
	b.Content(tree.Entry{Path: "p", Mode: 0o755, UID: 1 << 30, Xattrs: []tree.Xattr{{Name: "user.a=b", Value: "c"}, {Name: "user.d", Value: "e\x00"}}}, "")
	b.Sparse(tree.Entry{Path: "sparse", Mode: 0o600}, 1<<20, treetest.Piece{Offset: 777, Data: "data"})
	b.File("long/x", "")
	b.Dir("long")
	tr, p := b.Tree()
	const want = "bd98375c9b6ee9041df757000c956caac10fa95b2f170e240f8cffc57d3c69ee"
	if got := fmt.Sprintf("%x", sha256.Sum256(write(t, tr, p))); got != want {
		t.Errorf("the archive's sha256 is %s, want %s", got, want)
	}
}
