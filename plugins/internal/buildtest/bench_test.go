package buildtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"banger/internal/treetest"
	"banger/sdk/tree"
)

// BenchmarkNative is a builder alone: from a tree file and a pack to an image.
func BenchmarkNative(b *testing.B) {
	for _, name := range native {
		b.Run(name, func(b *testing.B) { benchmark(b, name) })
	}
}

func benchmark(b *testing.B, builder string) {
	for name, fill := range map[string]func(*treetest.Builder){
		"30000 small files": func(t *treetest.Builder) { smallFiles(t, 30_000, 300) },
		"1 GiB":             func(t *treetest.Builder) { gigabyte(t) },
		"200000 in one":     func(t *treetest.Builder) { smallFiles(t, 200_000, 1) },
		"100000 in one":     func(t *treetest.Builder) { smallFiles(t, 100_000, 1) },
	} {
		b.Run(name, func(b *testing.B) {
			t := treetest.New(b.TempDir())
			fill(t)
			want, packs := t.Tree()
			var size int64
			for i := range want.Entries {
				size += want.Entries[i].Size
			}
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				dir := b.TempDir()
				if _, err := run(b.Context(), job{builder: builder, dir: dir, tree: want, packs: packs}); err != nil {
					b.Fatal(err)
				}
				_ = os.RemoveAll(dir)
			}
		})
	}
}

// smallFiles are files of 3 KB in a number of directories.
func smallFiles(t *treetest.Builder, n, dirs int) {
	for d := range dirs {
		t.Dir(fmt.Sprintf("d%d", d))
	}
	entries := make([]tree.Entry, n)
	for i := range entries {
		entries[i] = tree.Entry{Path: fmt.Sprintf("d%d/file-%d", i%dirs, i), Mode: 0o644}
	}
	t.Contents(entries, func(i int) string { return fmt.Sprint(i) + strings.Repeat("small ", 500) })
}

func gigabyte(t *treetest.Builder) {
	data := random(256 << 20)
	for i := range 4 {
		t.File(fmt.Sprintf("f%d", i), data[i:])
	}
}
