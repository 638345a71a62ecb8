package ext4

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/internal/ext4test"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// TestChecksums changes one bit of each thing that has a checksum: the reader
// refuses the image for that and nothing else.
func TestChecksums(t *testing.T) {
	b := treetest.New(t.TempDir())
	for i := range int64(9) {
		b.File(fmt.Sprintf("n%d", i), "x")
	}
	var pieces []treetest.Piece
	for i := range int64(9) {
		pieces = append(pieces, treetest.Piece{Offset: i * 3 * BlockSize, Data: "piece"})
	}
	b.Sparse(tree.Entry{Path: "pieces", Mode: 0o644}, 30*BlockSize, pieces...)
	b.Content(tree.Entry{Path: "xattrs", Xattrs: []tree.Xattr{{Name: "user.b", Value: strings.Repeat("b", 900)}}}, "x")
	b.Dir("many")
	want, packs := b.Tree()
	many, _ := slices.BinarySearchFunc(want.Entries, "many", func(e tree.Entry, path string) int { return strings.Compare(e.Path, path) })
	var names []tree.Entry
	for i := range 8000 {
		names = append(names, tree.Entry{Path: fmt.Sprintf("many/%05d", i) + strings.Repeat("n", 245), Type: tree.Fifo})
	}
	want.Entries = slices.Insert(want.Entries, many+1, names...)
	image := filepath.Join(t.TempDir(), "image")
	p := writeImage(t, image, want, packs, Options{Features: AllFeatures, UUID: [16]byte{7}}, Size{Blocks: 4 * 32768, Inodes: 20_000})

	inode := func(path string) *inode {
		number := p.Inode(want.Index(path))
		return &p.inodes[slices.IndexFunc(p.inodes, func(n inode) bool { return n.number == number })]
	}
	block := func(path string, n uint32) int64 { return int64(p.runsOf(inode(path))[0].block+n) * BlockSize }
	for name, at := range map[string]int64{
		"superblock":       superOffset + 0x78,
		"group descriptor": BlockSize + 0x30,
		"one of no inode":  BlockSize + 3*64 + 0x30,
		"inode":            p.places[0].table*BlockSize + int64(inode("n3").number-1)*InodeSize + 0x10,
		"end of an inode":  p.places[0].table*BlockSize + int64(inode("xattrs").number-1)*InodeSize + 0xff,
		"names":            block("", 0) + 24 + direntHeader,
		"root of an index": block("many", 0) + dxRootStart + dxEntry,
		"node of an index": block("many", 1) + dxNodeStart + dxEntry,
		"indexed names":    block("many", 100) + direntHeader,
		"extents":          int64(p.nodesOf(inode("pieces"))[0])*BlockSize + extentSize + 4,
		"xattrs":           int64(inode("xattrs").xattrBlock)*BlockSize + BlockSize - 1,
	} {
		t.Run(name, func(t *testing.T) {
			flip(t, image, at)
			err := read(t, image)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "checksum") {
				t.Errorf("got %v", err)
			}
			flip(t, image, at)
		})
	}
	if err := read(t, image); err != nil {
		t.Errorf("an image as it was written: %v", err)
	}
}

// read reads all of an image.
func read(t *testing.T, image string) error {
	t.Helper()
	m, err := Open(image)
	if err != nil {
		return err
	}
	defer m.Close()
	_, err = m.ReadTree(t.Context())
	return err
}

// flip changes one bit of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// TestDeepExtents is a file of so many pieces that its extent tree has three
// levels of blocks below the inode.
func TestDeepExtents(t *testing.T) {
	const pieces = 4*340*340 + 1
	extents := make([]tree.Extent, pieces)
	for i := range extents {
		extents[i] = tree.Extent{Offset: int64(i) * 2 * BlockSize, Length: 1}
	}
	want := &tree.Tree{Layers: []string{treetest.DiffID}, Entries: []tree.Entry{
		{Type: tree.Directory, Mode: 0o755},
		{Path: "deep", Type: tree.Regular, Mode: 0o644, Size: pieces * 2 * BlockSize, Extents: extents},
	}}
	d, err := NewDraft(want, Options{Features: AllFeatures})
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Plan(Size{Blocks: 1 << 19, Inodes: 16, Journal: MinJournal})
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image")
	finish(t, p, image)
	ext4test.Fsck(t, image)
	m, err := Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	i, err := m.Inode(p.Inode(1))
	if err != nil || u16(i.block[:], 6) != 3 {
		t.Fatalf("the extent tree has depth %d, %v", u16(i.block[:], 6), err)
	}
	n := uint64(0)
	if err := m.eachRun(&i, func(r fileRun) error {
		if r.logical != 2*n || r.length != 1 {
			return fmt.Errorf("run %+v after %d runs", r, n)
		}
		n++
		return nil
	}); err != nil || n != pieces {
		t.Errorf("%d runs, %v", n, err)
	}
}
