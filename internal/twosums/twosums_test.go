package twosums

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// sumUp gives parts to two hashes, the second of which has had other bytes before,
// and holds the sums against those of hashes that are written to on their own.
func sumUp(t rapid.TB, make func() hash.Hash, before []byte, parts [][]byte) {
	t.Helper()
	a, b, wantA, wantB := make(), make(), make(), make()
	_, _ = b.Write(before)
	_, _ = wantB.Write(before)
	for _, p := range parts {
		Write(a, b, p)
		_, _ = wantA.Write(p)
		_, _ = wantB.Write(p)
		if !bytes.Equal(a.Sum(nil), wantA.Sum(nil)) || !bytes.Equal(b.Sum(nil), wantB.Sum(nil)) {
			t.Fatalf("wrong after a part of %d bytes", len(p))
		}
	}
}

func TestWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Whole blocks are as likely as any other length.
		length := func(label string, most int) int {
			n := rapid.IntRange(0, most).Draw(t, label)
			if rapid.Bool().Draw(t, "whole blocks") {
				n = n / sha256.BlockSize * sha256.BlockSize
			}
			return n
		}
		r := rand.NewChaCha8([32]byte{byte(rapid.IntRange(0, 255).Draw(t, "seed"))})
		some := func(n int) []byte {
			b := make([]byte, n)
			_, _ = r.Read(b)
			return b
		}
		before := some(length("before", 3000))
		var parts [][]byte
		for range rapid.IntRange(0, 5).Draw(t, "parts") {
			parts = append(parts, some(length("part", 9000)))
		}
		sumUp(t, sha256.New, before, parts)
	})
}

// TestOtherHashes: what is not SHA-256, or not in the form that is known, is
// written to in the usual way.
func TestOtherHashes(t *testing.T) {
	p := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	sumUp(t, sha512.New, nil, [][]byte{p, p})
	sumUp(t, sha256.New224, nil, [][]byte{p, p})
	sumUp(t, func() hash.Hash { return struct{ hash.Hash }{sha256.New()} }, nil, [][]byte{p, p})
}

// TestTaken: where it is fast, the hashes of crypto/sha256 are as expected.
func TestTaken(t *testing.T) {
	want := 0
	if Fast() {
		want = 3 * sha256.BlockSize
	}
	if n := both(sha256.New(), sha256.New(), make([]byte, 200)); n != want {
		t.Errorf("took %d bytes of 200, want %d: has crypto/sha256 another form?", n, want)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1 << 10, 4 << 10, 256 << 10} {
		p := make([]byte, size)
		one, other := sha256.New(), sha256.New()
		b.Run("one after the other/"+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				_, _ = one.Write(p)
				_, _ = other.Write(p)
			}
		})
		b.Run("together/"+strconv.Itoa(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Write(one, other, p)
			}
		})
	}
}
