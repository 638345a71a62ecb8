package cas

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/opencontainers/go-digest"
)

// BenchmarkUse is what the first look-up of an object costs more, and a later
// one.
func BenchmarkUse(b *testing.B) {
	s := openTest(b, b.TempDir())
	b.Run("first", func(b *testing.B) {
		for i := range b.N {
			must(b, s.use(Object{KindBlob, digest.FromString(fmt.Sprint(b.N, i))}))
		}
	})
	b.Run("again", func(b *testing.B) {
		o := Object{KindBlob, digest.FromString("x")}
		for b.Loop() {
			must(b, s.use(o))
		}
	})
}

// BenchmarkGC is a gc in a store of 10 000 actions with a blob each: one that
// finds nothing to remove, and one that removes it all.
func BenchmarkGC(b *testing.B) {
	const actions = 10_000
	fill := func(b *testing.B) string {
		dir := b.TempDir()
		s := openTest(b, dir)
		for i := range actions {
			key, preimage, err := ActionKey(i)
			must(b, err)
			d, err := s.PutBlob(context.Background(), []byte(fmt.Sprint(i)))
			must(b, err)
			must(b, s.PutAction(context.Background(), Action{Key: key, Preimage: preimage, Blobs: []digest.Digest{d}}))
		}
		must(b, s.Close())
		return dir
	}
	b.Run("nothing", func(b *testing.B) {
		s := openTest(b, fill(b))
		for b.Loop() {
			if res := gc(b, s, GCOptions{}); res.Total().Count != 0 {
				b.Fatalf("removed %+v", res)
			}
		}
	})
	b.Run("within the limit", func(b *testing.B) {
		s := openTest(b, fill(b))
		for b.Loop() {
			gc(b, s, GCOptions{MaxSize: 1 << 40, IfOver: true})
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			dir := fill(b)
			s := openTest(b, dir)
			b.StartTimer()
			if res := gc(b, s, GCOptions{All: true}); res.Total().Count != 2*actions {
				b.Fatalf("removed %+v", res)
			}
			b.StopTimer()
			must(b, s.Close())
			must(b, os.RemoveAll(dir))
			b.StartTimer()
		}
	})
}
