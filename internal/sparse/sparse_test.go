package sparse_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/sparse"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// collect puts a file together and notes which bytes came as holes.
type collect struct {
	t     *rapid.T
	data  []byte
	holes int64
	max   int
}

func (c *collect) Data(offset int64, p []byte) error {
	if offset != int64(len(c.data)) || len(p) == 0 || len(p) > c.max {
		c.t.Fatalf("%d bytes at %d after %d", len(p), offset, len(c.data))
	}
	c.data = append(c.data, p...)
	return nil
}

func (c *collect) Hole(offset, length int64) error {
	if offset != int64(len(c.data)) || length <= 0 {
		c.t.Fatalf("hole of %d at %d after %d", length, offset, len(c.data))
	}
	c.data = append(c.data, make([]byte, length)...)
	c.holes += length
	return nil
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		b := treetest.New(dir)
		var want []byte
		var pieces []treetest.Piece
		for range rapid.IntRange(0, 4).Draw(rt, "pieces") {
			want = append(want, make([]byte, rapid.IntRange(0, 1000).Draw(rt, "gap"))...)
			data := rapid.StringN(1, 300, 1000).Draw(rt, "data")
			pieces = append(pieces, treetest.Piece{Offset: int64(len(want)), Data: data})
			want = append(want, data...)
		}
		want = append(want, make([]byte, rapid.IntRange(0, 200000).Draw(rt, "tail"))...)
		b.Sparse(tree.Entry{Path: "f"}, int64(len(want)), pieces...)
		tr, p := b.Tree()
		buf := rapid.IntRange(1, 300).Draw(rt, "buffer")
		r := sparse.Reader{Tree: tr, Packs: p, Buf: make([]byte, buf)}
		e := &tr.Entries[1]
		for range 2 { // a reader reads many files
			c := &collect{t: rt, max: buf}
			if err := r.Read(t.Context(), e, c); err != nil {
				rt.Fatal(err)
			}
			if !bytes.Equal(c.data, want) || c.holes != e.Size-e.DataSize() {
				rt.Fatalf("wrong content, %d bytes of holes", c.holes)
			}
		}
		e.SHA256[0] ^= 1
		if err := r.Read(t.Context(), e, &collect{t: rt, max: buf}); !errors.Is(err, sparse.ErrContent) {
			rt.Fatalf("a wrong hash: %v", err)
		}
	})
}

// forgetful is a sink that may end the context.
type forgetful struct{ cancel func() }

func (f forgetful) Data(int64, []byte) error { f.cancel(); return nil }
func (forgetful) Hole(int64, int64) error    { return nil }

// TestCancelInHole has a hole that would take hours to hash.
func TestCancelInHole(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.File("f", "x")
	tr, p := b.Tree()
	e := &tr.Entries[1]
	e.Size = 1 << 50
	ctx, cancel := context.WithCancel(t.Context())
	r := sparse.Reader{Tree: tr, Packs: p, Buf: make([]byte, 16)}
	if err := r.Read(ctx, e, forgetful{cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
