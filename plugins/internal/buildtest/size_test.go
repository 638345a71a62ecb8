package buildtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/ext4"
	"banger/internal/ext4test"
	"banger/internal/hint"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/plugins/internal/ext4size"
	"banger/sdk"
	"banger/sdk/tree"
)

// TestPlansHold builds trees of all shapes without free room: each must fit
// the first time, and take what was planned, but for blocks of zeros.
func TestPlansHold(t *testing.T) {
	for _, c := range []struct {
		name, builder string
		fill          func(*treetest.Builder)
		tiny          []tree.Entry
	}{
		{"empty", "e2fs", func(*treetest.Builder) {}, nil},
		{"empty", "debugfs", func(*treetest.Builder) {}, nil},
		{"one file", "e2fs", func(b *treetest.Builder) { b.File("a", "a") }, nil},
		{"everything", "debugfs", everything, nil},
		{"100 000 tiny files", "e2fs", nil, tinyFiles(100_000)},
		{"directory of 10 000", "e2fs", nil, flat(10_000)},
		{"over 2 GiB, sparse", "e2fs", large, nil},
		{"1000 hardlinks", "debugfs", hardlinks, nil},
		{"xattrs", "debugfs", manyXattrs, nil},
		{"deep", "debugfs", deep, nil},
		{"long symlinks", "debugfs", longSymlinks, nil},
		{"fragments", "e2fs", fragments, nil},
		{"dense", "e2fs", dense, nil},
		{"empty", "ext4", func(*treetest.Builder) {}, nil},
		{"everything", "ext4", everything, nil},
		{"100 000 tiny files", "ext4", nil, tinyFiles(100_000)},
		{"over 2 GiB, sparse", "ext4", large, nil},
		{"1000 hardlinks", "ext4", hardlinks, nil},
		{"xattrs", "ext4", manyXattrs, nil},
		{"deep", "ext4", deep, nil},
		{"long symlinks", "ext4", longSymlinks, nil},
		{"fragments", "ext4", fragments, nil},
		{"dense", "ext4", dense, nil},
	} {
		t.Run(c.name+" "+c.builder, func(t *testing.T) {
			want, packs := tiny(t, c.tiny)
			if c.fill != nil {
				b := newTree(t)
				c.fill(b)
				want, packs = b.Tree()
			}
			plan := planOf(t, c.builder, want)
			got := build(t, job{builder: c.builder, dir: memoryDir(t), tree: want, packs: packs})
			if len(got.warned) > 0 {
				t.Errorf("warned: %q", got.warned)
			}
			super := superOf(t, got.image)
			used := super.Blocks - super.FreeBlocks
			planned := plan.Overhead + plan.Content.Blocks
			t.Logf("%d MiB, %d blocks used, %d planned", plan.Bytes>>20, used, planned)
			if used > planned+64 || used < planned-64-plan.Content.Blocks/50 {
				t.Errorf("%d blocks used, %d planned", used, planned)
			}
			if inodes := super.Inodes - super.FreeInodes; inodes > plan.Content.Inodes || super.Inodes < plan.Inodes {
				t.Errorf("%d of %d inodes used, %d of %d planned", inodes, super.Inodes, plan.Content.Inodes, plan.Inodes)
			}
		})
	}
}

// planOf returns the plan of an image as its builder makes it.
func planOf(t *testing.T, builder string, want *tree.Tree) ext4size.Plan {
	t.Helper()
	content := ext4size.Measure(want)
	if builder == "ext4" {
		d, err := ext4.NewDraft(want, ext4.Options{Features: ext4.AllFeatures, LostFound: true})
		if err != nil {
			t.Fatal(err)
		}
		content.Blocks, content.Inodes = d.Content()
	}
	plan, err := ext4size.Filesystem{Features: ext4.AllFeatures, Journal: ext4size.DefaultJournal}.Plan(content, sdk.SizePlan{})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func superOf(t *testing.T, image string) ext4.Super {
	t.Helper()
	m, err := ext4.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return m.Super()
}

// tinyFiles are files of one byte, 200 to a directory.
func tinyFiles(n int) []tree.Entry {
	var entries []tree.Entry
	for i := range n {
		if i%200 == 0 {
			entries = append(entries, tree.Entry{Path: fmt.Sprintf("d%d", i/200), Type: tree.Directory, Mode: 0o755})
		}
		entries = append(entries, tree.Entry{Path: fmt.Sprintf("d%d/file-%d", i/200, i), Type: tree.Regular, Mode: 0o644})
	}
	return entries
}

// flat is one directory of such files.
func flat(n int) []tree.Entry {
	entries := []tree.Entry{{Path: "d", Type: tree.Directory, Mode: 0o755}}
	for i := range n {
		entries = append(entries, tree.Entry{Path: fmt.Sprintf("d/%d", i), Type: tree.Regular, Mode: 0o644})
	}
	return entries
}

// tiny makes a tree of entries, whose files have one byte each.
func tiny(t *testing.T, entries []tree.Entry) (*tree.Tree, *treetest.Packs) {
	b := newTree(t)
	b.Content(tree.Entry{Path: "first", Mode: 0o644}, "x")
	want, packs := b.Tree()
	first := want.Lookup("first")
	for _, e := range entries {
		if e.Type == tree.Regular {
			e.Size, e.SHA256, e.Extents = 1, first.SHA256, first.Extents
		}
		want.Entries = append(want.Entries, e)
	}
	slices.SortFunc(want.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	return want, packs
}

func large(b *treetest.Builder) {
	noise := random(5 << 20)
	b.Sparse(tree.Entry{Path: "large", Mode: 0o644}, 5<<29,
		treetest.Piece{Offset: 0, Data: noise}, treetest.Piece{Offset: 1<<30 + 12345, Data: noise}, treetest.Piece{Offset: 5<<29 - 5<<20, Data: noise})
}

func hardlinks(b *treetest.Builder) {
	b.File("f", random(50_000))
	for i := range 1000 {
		b.Link(fmt.Sprintf("link%d", i), "f")
	}
}

func manyXattrs(b *treetest.Builder) {
	for i := range 1500 {
		b.Content(tree.Entry{Path: fmt.Sprintf("f%d", i), Mode: 0o644, Xattrs: []tree.Xattr{
			{Name: "trusted.small", Value: fmt.Sprint(i)}, {Name: "user.large", Value: strings.Repeat(fmt.Sprint(i%10), 1000)},
		}}, "x")
	}
}

func deep(b *treetest.Builder) {
	path := ""
	for i := range 300 {
		path += fmt.Sprintf("d%d", i)
		b.Dir(path)
		path += "/"
	}
	b.File(path+"end", "x")
}

func longSymlinks(b *treetest.Builder) {
	for i := range 1500 {
		b.Add(tree.Entry{Path: fmt.Sprintf("l%d", i), Type: tree.Symlink, Mode: 0o777, Target: strings.Repeat("t", 55+i%200)})
	}
}

func fragments(b *treetest.Builder) {
	var pieces []treetest.Piece
	for i := range int64(4000) {
		pieces = append(pieces, treetest.Piece{Offset: i * 12288, Data: "fragment"})
	}
	b.Sparse(tree.Entry{Path: "fragments", Mode: 0o644}, 4000*12288, pieces...)
}

func dense(b *treetest.Builder) {
	for i := range 30 {
		b.File(fmt.Sprintf("f%d", i), random(3<<20+i))
	}
}

// random returns n bytes that are always the same.
func random(n int) string {
	p := make([]byte, n)
	src := rand.NewChaCha8([32]byte{1})
	_, _ = src.Read(p) // does not fail
	return string(p)
}

// TestFreeRoom: users find the room they asked for, by the kernel's count.
func TestFreeRoom(t *testing.T) {
	b := newTree(t)
	dense(b)
	want, packs := b.Tree()
	for _, c := range []struct {
		name, builder string
		size          sdk.SizePlan
		room          uint64
	}{
		{"20 percent", "e2fs", sdk.SizePlan{FreePercent: 20}, 90 << 20 / 5},
		{"300 MiB", "e2fs", sdk.SizePlan{FreeBytes: 300 << 20}, 300 << 20},
		{"exact", "e2fs", sdk.SizePlan{Bytes: 1<<30 + 4097, Inodes: 5000}, 800 << 20},
		{"20 percent", "ext4", sdk.SizePlan{FreePercent: 20}, 90 << 20 / 5},
		{"300 MiB", "ext4", sdk.SizePlan{FreeBytes: 300 << 20}, 300 << 20},
		{"exact", "ext4", sdk.SizePlan{Bytes: 1<<30 + 4097, Inodes: 5000}, 800 << 20},
	} {
		t.Run(c.name+" "+c.builder, func(t *testing.T) {
			need.Root(t)
			got := build(t, job{builder: c.builder, tree: want, packs: packs, size: c.size})
			var fs unix.Statfs_t
			if err := unix.Statfs(ext4test.Mount(t, got.image), &fs); err != nil {
				t.Fatal(err)
			}
			if room := fs.Bavail * 4096; room < c.room || len(got.warned) > 0 {
				t.Errorf("room for %d bytes, not %d; warned: %q", room, c.room, got.warned)
			}
			var st unix.Stat_t
			if err := unix.Stat(got.image, &st); err != nil {
				t.Fatal(err)
			}
			if c.size.Bytes > 0 && (st.Size != 1<<30+8192 || fs.Files < 5000 || fs.Files > 5500) {
				t.Errorf("image of %d bytes, %d inodes", st.Size, fs.Files)
			}
			if st.Blocks*512 > 120<<20 {
				t.Errorf("the image is not sparse: it takes %d bytes", st.Blocks*512)
			}
		})
	}
}

// TestWrongPlan: a plan that the staged directory does not keep is mended
// once, and then said with what to do.
func TestWrongPlan(t *testing.T) {
	for name, c := range map[string]struct {
		hole int64
		size sdk.SizePlan
		ok   bool
	}{
		"mended":    {60 << 20, sdk.SizePlan{}, true},
		"free room": {20 << 20, sdk.SizePlan{FreeBytes: 50 << 20}, true}, // it fits, and leaves less
		"hopeless":  {300 << 20, sdk.SizePlan{}, false},
		"exact":     {70 << 20, sdk.SizePlan{Bytes: 64 << 20}, false},
	} {
		t.Run(name, func(t *testing.T) {
			need.Tool(t, "mkfs.ext4", "e2fsprogs")
			b := newTree(t)
			b.Sparse(tree.Entry{Path: "hole", Mode: 0o644}, c.hole)
			want, packs := b.Tree()
			got, err := run(t.Context(), job{builder: "debugfs", dir: t.TempDir(), tree: want, packs: packs, size: c.size, spoil: func(staged string) {
				fillHole(t, staged+"/hole", c.hole)
			}})
			switch {
			case c.ok && (err != nil || len(got.warned) != 1):
				t.Errorf("error %v, warned %q", err, got.warned)
			case !c.ok && (err == nil || !strings.Contains(hint.Of(err), "ask for a size of ") || errors.Is(err, sdk.ErrInvalid) != (c.size.Bytes > 0)):
				t.Errorf("error %v, hint %q, the user's mistake: %v", err, hint.Of(err), errors.Is(err, sdk.ErrInvalid))
			}
		})
	}
}

// TestTooSmall: what cannot fit is refused before anything is made.
func TestTooSmall(t *testing.T) {
	b := newTree(t)
	dense(b)
	want, packs := b.Tree()
	for name, c := range map[string]struct {
		size sdk.SizePlan
		text string
	}{
		"minimum": {sdk.SizePlan{Bytes: 1 << 20}, "ext4 size 1048576 below minimum 67108864"},
		"content": {sdk.SizePlan{Bytes: 80 << 20}, "83886080 bytes are asked for and the tree needs 99614720"},
		"inodes":  {sdk.SizePlan{Inodes: 20}, "20 inodes are asked for and the tree needs 41"},
	} {
		t.Run(name, func(t *testing.T) {
			need.Tool(t, "mkfs.ext4", "e2fsprogs")
			_, err := run(t.Context(), job{builder: "e2fs", dir: t.TempDir(), tree: want, packs: packs, size: c.size})
			if !errors.Is(err, sdk.ErrSize) || !strings.Contains(err.Error(), c.text) || hint.Of(err) == "" {
				t.Errorf("error %v, hint %q", err, hint.Of(err))
			}
		})
	}
}

// TestDiskFull: the host's disk being full is told as that.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	need.Tmpfs(t, dir, "size=20m")
	b := newTree(t)
	dense(b)
	want, packs := b.Tree()
	for name := range builders {
		_, err := run(t.Context(), job{builder: name, dir: t.TempDir(), output: dir + "/" + name, tree: want, packs: packs})
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSlowDirectory: the user learns why it takes so long.
func TestSlowDirectory(t *testing.T) {
	fakeTool(t, "mkfs.ext4", "exit 1\n")
	for n, want := range map[int]int{10_000: 0, 10_001: 1} {
		input, packs := tiny(t, flat(n))
		got, err := run(t.Context(), job{builder: "e2fs", dir: memoryDir(t), tree: input, packs: packs})
		if err == nil || len(got.warned) != want || want > 0 && !strings.Contains(got.warned[0], `"/d" has 10001 entries`) {
			t.Errorf("%d entries: error %v, warned %q", n, err, got.warned)
		}
	}
}
