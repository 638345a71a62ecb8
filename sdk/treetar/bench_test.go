package treetar_test

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"banger/internal/treetest"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

// BenchmarkWrite writes 30 000 small files and 200 MB in four large ones, and
// has archive/tar write the same, without checking any content.
func BenchmarkWrite(b *testing.B) {
	for name, fill := range map[string]func(*treetest.Builder){
		"small": func(tb *treetest.Builder) {
			var entries []tree.Entry
			for i := range 30000 {
				entries = append(entries, tree.Entry{Path: fmt.Sprintf("%05d", i), Mode: 0o644, MTime: tree.Time{Sec: 1, Nsec: 1}})
			}
			tb.Contents(entries, func(i int) string { return strings.Repeat(fmt.Sprintf("%08d", i), 362) })
		},
		"large": func(tb *treetest.Builder) {
			for i := range 4 {
				tb.File(fmt.Sprint(i), strings.Repeat(fmt.Sprintf("%08d", i), 50<<20/8))
			}
		},
	} {
		tb := treetest.New(b.TempDir())
		fill(tb)
		tr, p := tb.Tree()
		var size int64
		for i := range tr.Entries {
			size += tr.Entries[i].Size
		}
		b.Run(name+"/treetar", func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if err := treetar.Write(b.Context(), io.Discard, tr, p); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/archive-tar", func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if err := writeGo(io.Discard, tr, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func writeGo(out io.Writer, tr *tree.Tree, p *treetest.Packs) error {
	bw := bufio.NewWriterSize(out, 256<<10)
	w := tar.NewWriter(bw)
	buf := make([]byte, 256<<10)
	for i := range tr.Entries {
		e := &tr.Entries[i]
		h := &tar.Header{Name: e.Path, Typeflag: typeflag[e.Type], Mode: int64(e.Mode), Size: e.Size, ModTime: e.MTime.Time(), Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		for _, x := range e.Extents {
			if _, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(p.File, x.PackOffset, x.Length), buf); err != nil {
				return err
			}
		}
	}
	return w.Close()
}
