package ext4

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"banger/internal/ext4test"
	"banger/internal/sparse"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// writeImage writes a filesystem of t with the contents of packs, and has
// e2fsck check it.
func writeImage(t testing.TB, path string, want *tree.Tree, packs *treetest.Packs, o Options, size Size) *Plan {
	t.Helper()
	d, err := NewDraft(want, o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Plan(size)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		err = f.Truncate(size.Blocks * BlockSize)
	}
	if err == nil {
		err = p.Finish(t.Context(), f)
	}
	if err == nil {
		err = p.Bodies(func(i int, segments []sparse.Segment) error { return copyBody(f, &want.Entries[i], segments, packs) })
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	ext4test.Fsck(t, path)
	return p
}

// copyBody copies byte ranges with neither buffers nor order to be clever
// about.
func copyBody(f *os.File, e *tree.Entry, segments []sparse.Segment, packs *treetest.Packs) error {
	for _, x := range e.Extents {
		for _, s := range segments {
			from, to := max(x.Offset, s.Offset), min(x.Offset+x.Length, s.Offset+s.Length)
			if from >= to {
				continue
			}
			p := make([]byte, to-from)
			if _, err := packs.File.ReadAt(p, x.PackOffset+from-x.Offset); err != nil {
				return err
			}
			if _, err := f.WriteAt(p, s.ImageOffset+from-s.Offset); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameTree compares what an image holds with a tree.
func sameTree(t interface {
	Fatal(args ...any)
	Errorf(format string, args ...any)
}, path string, want *tree.Tree,
) {
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	got, err := m.ReadTree(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	entries := slices.Clone(want.Entries)
	for i := range entries {
		e := &entries[i]
		e.Extents = nil
		if e.Type != tree.Hardlink {
			e.Links = max(e.Links, 1)
		}
		if e.Xattrs = NormalXattrs(e.Xattrs); len(e.Xattrs) == 0 {
			e.Xattrs = nil
		}
	}
	if diff := cmp.Diff(entries, got.Entries); diff != "" {
		t.Errorf("the image differs from the tree (-tree +image):\n%s", diff)
	}
}

// drawn is a random tree and a random filesystem for it.
type drawn struct {
	want  *tree.Tree
	packs *treetest.Packs
	o     Options
	size  Size
}

// draw makes one, its pack in dir.
func draw(rt *rapid.T, dir string) (in drawn) {
	in.want, in.packs = treetest.Draw(rt, dir, treetest.Limits{Kernel: true})
	in.o = Options{Features: Features(rapid.Uint8Range(0, uint8(AllFeatures)).Draw(rt, "features")), Label: "label", HashSeed: [16]byte{5}}
	in.o.UUID[3] = rapid.Byte().Draw(rt, "uuid")
	in.size = Size{
		Blocks: rapid.SampledFrom([]int64{16384, 16385, 32768, 34000, 98304, 200_000, 3 << 20}).Draw(rt, "blocks"),
		Inodes: rapid.SampledFrom([]int64{64, 1000, 16384, 60_000}).Draw(rt, "inodes"), Journal: rapid.SampledFrom([]int64{0, 1024, 5000}).Draw(rt, "journal"),
	}
	return in
}

// check holds what is written against e2fsck and the reader.
func (in *drawn) check(t *testing.T, image string) {
	g, ok := NewGeometry(in.size.Blocks, in.size.Inodes, in.o.Features)
	if !ok {
		return // there is no such filesystem
	}
	p := writeImage(t, image, in.want, in.packs, in.o, in.size)
	sameTree(t, image, in.want)
	m, err := Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if s := m.Super(); s.FreeBlocks != p.FreeBlocks() || s.Blocks != g.Blocks || s.Inodes != g.Inodes() {
		t.Errorf("superblock %+v, geometry %+v, %d blocks free", s, g, p.FreeBlocks())
	}
}

// TestWhatIsWrittenIsRead holds random trees, in filesystems of random shapes,
// against e2fsck and the reader.
func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	examples := rapid.Custom(func(rt *rapid.T) drawn { return draw(rt, dir) })
	for seed := range 60 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			in := examples.Example(seed)
			in.check(t, filepath.Join(dir, "image"))
		})
	}
}

// FuzzTree does the same with trees that a fuzzer makes. What it does not
// choose is chosen for it.
func FuzzTree(f *testing.F) {
	dir := f.TempDir()
	rest := make([]byte, 1<<16)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(rest) // does not fail
	for n := 0; n <= 4000; n += 1000 {
		f.Add(rest[n:][:n])
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		var in drawn
		rapid.MakeFuzz(func(rt *rapid.T) { in = draw(rt, dir) })(t, slices.Concat(choices, rest))
		defer in.packs.File.Close()
		in.check(t, filepath.Join(t.TempDir(), "image"))
	})
}

// TestLargeDirectories reads indexes of one and two levels, with long names.
func TestLargeDirectories(t *testing.T) {
	for _, n := range []int{1, 500, 30_000} {
		b := treetest.New(t.TempDir())
		want, packs := b.Tree()
		for i := range n {
			want.Entries = append(want.Entries, tree.Entry{Path: fmt.Sprintf("%07d", i) + strings.Repeat("n", 240), Type: tree.Fifo, Mode: 0o600})
		}
		for _, f := range []Features{AllFeatures, AllFeatures &^ MetadataCsum, AllFeatures &^ DirIndex} {
			image := filepath.Join(t.TempDir(), "image")
			writeImage(t, image, want, packs, Options{Features: f}, Size{Blocks: 32768, Inodes: 32768})
			sameTree(t, image, want)
		}
	}
}

// TestFiftyGiB is a file of 50 GiB, nearly all hole, and one of as many
// pieces as it has blocks. The holes are left unread.
func TestFiftyGiB(t *testing.T) {
	b := treetest.New(t.TempDir())
	var pieces []treetest.Piece
	for i := range int64(2000) {
		pieces = append(pieces, treetest.Piece{Offset: i * 8192, Data: "piece"})
	}
	b.Sparse(tree.Entry{Path: "pieces", Mode: 0o644}, 2000*8192, pieces...)
	b.File("e", strings.Repeat("data of two blocks ", 300))
	want, packs := b.Tree()
	fifty := tree.Entry{Path: "fifty", Type: tree.Regular, Mode: 0o644, Size: 50 << 30}
	data := want.Lookup("e").Extents[0]
	for _, at := range []int64{4095, 5 << 30, 10<<30 - 4096, 33 << 30, 50<<30 - data.Length} {
		data.Offset = at
		fifty.Extents = append(fifty.Extents, data)
	}
	want.Entries = slices.Insert(want.Entries, 2, fifty)
	image := filepath.Join(t.TempDir(), "image")
	p := writeImage(t, image, want, packs, Options{Features: AllFeatures}, Size{Blocks: 16384, Inodes: 64})
	t.Run("reader", func(t *testing.T) {
		m, err := Open(image)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		i, err := m.Inode(p.Inode(2))
		if err != nil || i.Size != fifty.Size {
			t.Fatalf("%+v, %v", i, err)
		}
		var blocks []uint64
		err = m.eachRun(&i, func(r fileRun) error {
			for k := range r.length {
				blocks = append(blocks, r.logical+k)
			}
			return nil
		})
		if all := []uint64{0, 1, 2, 5 << 18, 5<<18 + 1, 10<<18 - 1, 10 << 18, 33 << 18, 33<<18 + 1, 50<<18 - 2, 50<<18 - 1}; err != nil || !slices.Equal(blocks, all) {
			t.Errorf("blocks %d, not %d, %v", blocks, all, err)
		}
	})
	t.Run("kernel", func(t *testing.T) {
		dir := ext4test.Mount(t, image)
		for _, name := range []string{"fifty", "pieces"} {
			ext4test.SameData(t, filepath.Join(dir, name), want.Lookup(name), packs.File)
		}
	})
}

// TestLargestFile: a file may have 2^32-1 blocks, by what the kernel takes,
// and one of a byte more is left out.
func TestLargestFile(t *testing.T) {
	const most = 1<<44 - BlockSize
	for size, omitted := range map[int64]int{most: 0, most + 1: 1} {
		b := treetest.New(t.TempDir())
		b.File("e", "x")
		want, packs := b.Tree()
		end := want.Lookup("e").Extents[0]
		end.Offset = size - 1
		want.Entries = append(want.Entries, tree.Entry{Path: "largest", Type: tree.Regular, Mode: 0o644, Size: size, Extents: []tree.Extent{end}})
		image := filepath.Join(t.TempDir(), "image")
		p := writeImage(t, image, want, packs, Options{Features: AllFeatures}, Size{Blocks: 16384, Inodes: 64})
		if len(p.Omitted()) != omitted {
			t.Fatalf("a file of %d bytes: %v", size, p.Omitted())
		}
		if omitted == 0 {
			ext4test.SameData(t, filepath.Join(ext4test.Mount(t, image), "largest"), want.Lookup("largest"), packs.File)
		}
	}
}
