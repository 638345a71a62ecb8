package stage_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/core/stage"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

// benchTrees are the two ends of real images: 30 000 small files in 300
// directories (87 MB), and 200 MB in four files.
var benchTrees = map[string]func(*treetest.Builder){
	"small": func(b *treetest.Builder) {
		for d := range 300 {
			b.Dir(fmt.Sprintf("%03d", d))
		}
		var entries []tree.Entry
		for i := range 30000 {
			entries = append(entries, tree.Entry{Path: fmt.Sprintf("%03d/%05d", i%300, i), Mode: 0o644, UID: uint32(i % 2)})
		}
		b.Contents(entries, func(i int) string { return strings.Repeat(fmt.Sprintf("%08d", i), 362) })
	},
	"large": func(b *treetest.Builder) {
		for i := range 4 {
			b.File(fmt.Sprint(i), strings.Repeat(fmt.Sprintf("%08d", i), 50<<20/8))
		}
	},
}

// BenchmarkDir stages, and has GNU tar extract the same tree beside it.
// Nothing is removed before the end: for minutes after a removal ext4 makes
// new inodes much more slowly.
func BenchmarkDir(b *testing.B) {
	parent := b.TempDir()
	for name, fill := range benchTrees {
		tb := treetest.New(b.TempDir())
		fill(tb)
		tr, p := tb.Tree()
		for _, how := range []sdk.Staging{sdk.StagingFaithful, sdk.StagingPlain} {
			b.Run(fmt.Sprintf("%s/%d", name, how), func(b *testing.B) {
				for b.Loop() {
					dir := target(b, parent)
					if _, err := stage.Dir(b.Context(), tr, p, dir, how, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(name+"/tar", func(b *testing.B) { benchTar(b, parent, tr, p) })
	}
}

func benchTar(b *testing.B, parent string, tr *tree.Tree, p tree.Packs) {
	tar := need.Tool(b, "tar", "tar")
	archive := filepath.Join(parent, "archive")
	f, err := os.Create(archive)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := treetar.Write(b.Context(), f, tr, p); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dir := target(b, parent)
		out, err := exec.CommandContext(b.Context(), tar, "-xpf", archive, "--numeric-owner", "-C", dir).CombinedOutput()
		if err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}

func BenchmarkRemove(b *testing.B) {
	tb := treetest.New(b.TempDir())
	benchTrees["small"](tb)
	tr, p := tb.Tree()
	rm := func(dir string) error { return exec.CommandContext(b.Context(), "rm", "-rf", dir).Run() }
	for name, remove := range map[string]func(string) error{"stage": stage.Remove, "rm": rm, "os": os.RemoveAll} {
		b.Run(name, func(b *testing.B) {
			parent := b.TempDir()
			for b.Loop() {
				b.StopTimer()
				dir := target(b, parent)
				if _, err := stage.Dir(b.Context(), tr, p, dir, sdk.StagingPlain, nil); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := remove(dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
