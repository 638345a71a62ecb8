package buildtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"banger/internal/treetest"
	"banger/sdk"
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

// BenchmarkMillionEntries is the memory of a builder: that of a process which
// does nothing but build, at its peak, for each entry of the tree.
func BenchmarkMillionEntries(b *testing.B) {
	const n = 1_000_000
	t := treetest.New(b.TempDir())
	want, packs := t.Tree()
	want.Entries = append(want.Entries, tinyFiles(n)...)
	slices.SortFunc(want.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	o := order{Builder: "ext4", Tree: filepath.Join(b.TempDir(), "tree")}
	var err error
	if o.Digest, err = writeTree(o.Tree, want); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		o.Dir = b.TempDir()
		text, err := json.Marshal(o)
		if err != nil {
			b.Fatal(err)
		}
		cmd := exec.CommandContext(b.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), orderVariable+"="+string(text))
		cmd.ExtraFiles = []*os.File{packs.File}
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("build: %v: %s", err, out)
		}
		peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10 // getrusage(2) counts kilobytes
		b.ReportMetric(float64(peak)/float64(len(want.Entries)), "B/entry")
	}
}

// buildAlone builds without a harness, which would hold the tree, too.
func buildAlone(o order) error {
	builder := builders[o.Builder]
	d, err := builder.Describe(context.Background())
	if err != nil {
		return err
	}
	options, err := d.CheckOptions(nil)
	if err != nil {
		return err
	}
	req := &sdk.Request{
		TreePath: o.Tree, TreeDigest: o.Digest, PackPaths: []string{"/proc/self/fd/3"},
		Output: filepath.Join(o.Dir, "image"), Options: options, Events: &events{},
	}
	return errors.Join(builder.Build(context.Background(), req), req.Close())
}
