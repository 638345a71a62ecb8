package unpack_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"banger/core/unpack"
	"banger/internal/tartest"
)

// benchTar is 64 MiB that compress about as programs do, to a third: files
// from 1 KiB to 1 MiB of words, some of them random bytes.
func benchTar() []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 2+rnd.IntN(12))
		for j := range words[i] {
			words[i][j] = byte(rnd.IntN(256))
		}
	}
	var out bytes.Buffer
	for i := 0; out.Len() < 64<<20; i++ {
		var body bytes.Buffer
		for size := 1024 << rnd.IntN(11); body.Len() < size; {
			body.Write(words[int(rnd.ExpFloat64()*400)%len(words)])
		}
		out.Write(tartest.File(fmt.Sprintf("usr/lib/file%d", i), body.String()))
	}
	return tartest.Join(out.Bytes())
}

// BenchmarkUnpack counts bytes of plain tar.
func BenchmarkUnpack(b *testing.B) {
	tar := benchTar()
	for _, name := range []string{"plain", "gzip", "zstd"} {
		b.Run(name, func(b *testing.B) { benchUnpack(b, tar, compressions[name](tar), nil) })
	}
	b.Run("igzip", func(b *testing.B) { benchUnpack(b, tar, gzipped(tar), igzip(b)) })
}

func benchUnpack(b *testing.B, tar, blob []byte, gunzip []string) {
	l := describe(blob, tar)
	b.SetBytes(int64(len(tar)))
	b.ReportAllocs()
	for b.Loop() {
		dst := unpack.Dest{Blob: io.Discard, Pack: io.Discard, Index: io.Discard, Gunzip: gunzip}
		if _, err := unpack.Unpack(b.Context(), bytes.NewReader(blob), l, dst, unpack.Limits{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
