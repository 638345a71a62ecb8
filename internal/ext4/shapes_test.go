package ext4

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/internal/ext4test"
	"banger/sdk/tree"
)

// shapes are filesystems of all geometries, each with a file of so many bytes
// in it, besides one of all that is small.
var shapes = []struct {
	name     string
	features Features
	size     Size
	file     int64
}{
	{"64 MiB", AllFeatures, Size{Blocks: 64 << 8, Inodes: 4096, Journal: 1024}, 20 << 20},
	{"130 MiB, one backup", AllFeatures, Size{Blocks: 130 << 8, Inodes: 10_000, Journal: 4096}, 100 << 20},
	{"1300 MiB, five backups", AllFeatures, Size{Blocks: 1300<<8 + 77, Inodes: 20_000, Journal: 8192, Reserved: 1000}, 700 << 20},
	{"20 GiB, ten backups", AllFeatures, Size{Blocks: 20 << 18, Inodes: 1 << 20, Journal: 65536}, 9 << 30},
	{"few inodes", AllFeatures, Size{Blocks: 1 << 18, Inodes: 96, Journal: 1024}, 1 << 20},
	{"many inodes", AllFeatures, Size{Blocks: 1 << 18, Inodes: 200_000, Journal: 1024}, 1 << 20},
	{"big journal", AllFeatures, Size{Blocks: 2 << 18, Inodes: 1024, Journal: 1 << 18}, 300 << 20},
	{"no journal", AllFeatures, Size{Blocks: 300 << 8, Inodes: 1024}, 150 << 20},
	{"full", AllFeatures, Size{Blocks: 160 << 8, Inodes: 128, Journal: 1024}, 155 << 20},
	{"no checksums", AllFeatures &^ MetadataCsum, Size{Blocks: 300 << 8, Inodes: 1024, Journal: 1024}, 1 << 20},
	{"old guest", 0, Size{Blocks: 1300 << 8, Inodes: 1024, Journal: 1024}, 200 << 20},
}

// eachShape writes all of the shapes but the contents of their files.
func eachShape(t *testing.T, do func(t *testing.T, p *Plan, image string)) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			want, _ := fuzzTree(t)
			at, _ := slices.BinarySearchFunc(want.Entries, "file", func(e tree.Entry, path string) int { return strings.Compare(e.Path, path) })
			want.Entries = slices.Insert(want.Entries, at, tree.Entry{Path: "file", Type: tree.Regular, Size: s.file, Extents: []tree.Extent{{Length: s.file}}})
			d, err := NewDraft(want, Options{Features: s.features, UUID: [16]byte{1, 2, 3}, HashSeed: [16]byte{4}, Time: 1, LostFound: true})
			if err != nil {
				t.Fatal(err)
			}
			p, err := d.Plan(s.size)
			if err != nil {
				t.Fatal(err)
			}
			image := filepath.Join(t.TempDir(), "image")
			finish(t, p, image)
			ext4test.Fsck(t, image)
			do(t, p, image)
		})
	}
}

// finish makes an image with holes where the contents of files go.
func finish(t *testing.T, p *Plan, image string) {
	t.Helper()
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(p.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := p.Finish(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}
