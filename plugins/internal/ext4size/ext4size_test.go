package ext4size

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/ext4"
	"banger/internal/hint"
	"banger/internal/need"
	"banger/sdk"
	"banger/sdk/tree"
)

// root is a tree of the given entries below a root.
func root(entries ...tree.Entry) *tree.Tree {
	return &tree.Tree{Layers: []string{"sha256:x"}, Entries: append([]tree.Entry{{Type: tree.Directory}}, entries...)}
}

func file(path string, size int64, extents ...tree.Extent) tree.Entry {
	return tree.Entry{Path: path, Type: tree.Regular, Size: size, Extents: extents}
}

func extent(offset, length int64) tree.Extent { return tree.Extent{Offset: offset, Length: length} }

func TestMeasure(t *testing.T) {
	for name, c := range map[string]struct {
		tree           *tree.Tree
		blocks, inodes int64
	}{
		"empty":            {root(), 1, 11},
		"empty file":       {root(file("f", 0)), 1, 12},
		"one byte":         {root(file("f", 1, extent(0, 1))), 2, 12},
		"two blocks":       {root(file("f", 4097, extent(0, 4097))), 3, 12},
		"hole":             {root(file("f", 1<<40)), 1, 12},
		"across a border":  {root(file("f", 8192, extent(4095, 2))), 3, 12},
		"same block":       {root(file("f", 8192, extent(0, 1), extent(5, 1), extent(4095, 2))), 3, 12},
		"five extents":     {root(file("f", 1<<20, extent(0, 1), extent(8192, 1), extent(16384, 1), extent(24576, 1), extent(32768, 1))), 7, 12},
		"long extent":      {root(file("f", 5<<27, extent(0, 5<<27))), 5<<15 + 2, 12},
		"fast symlink":     {root(tree.Entry{Path: "l", Type: tree.Symlink, Target: strings.Repeat("x", 59)}), 1, 12},
		"slow symlink":     {root(tree.Entry{Path: "l", Type: tree.Symlink, Target: strings.Repeat("x", 60)}), 2, 12},
		"directory":        {root(tree.Entry{Path: "d", Type: tree.Directory}), 2, 12},
		"hardlink":         {root(file("f", 1, extent(0, 1)), tree.Entry{Path: "g", Type: tree.Hardlink, Target: "f"}), 2, 12},
		"symlink twice":    {root(tree.Entry{Path: "l", Type: tree.Symlink, Target: strings.Repeat("x", 60)}, tree.Entry{Path: "m", Type: tree.Hardlink, Target: "l"}), 3, 13},
		"small xattr":      {root(tree.Entry{Path: "f", Type: tree.Fifo, Xattrs: []tree.Xattr{{Name: "trusted.a", Value: "x"}}}), 1, 12},
		"large xattr":      {root(tree.Entry{Path: "f", Type: tree.Fifo, Xattrs: []tree.Xattr{{Name: "trusted.a", Value: strings.Repeat("x", 99)}}}), 2, 12},
		"impossible xattr": {root(tree.Entry{Path: "f", Type: tree.Fifo, Xattrs: []tree.Xattr{{Name: "trusted.a", Value: strings.Repeat("x", 9999)}}}), 1, 12},
		"absurd":           {root(file("f", math.MaxInt64, extent(0, math.MaxInt64)), file("g", math.MaxInt64, extent(0, math.MaxInt64))), 1<<32 + 1, 13},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Measure(c.tree); got.Blocks != c.blocks+lostFoundBlocks || got.Inodes != c.inodes {
				t.Errorf("%d blocks, %d inodes; want %d, %d", got.Blocks, got.Inodes, c.blocks, c.inodes)
			}
		})
	}
}

func TestDirectories(t *testing.T) {
	var entries []tree.Entry
	for i := range 1000 {
		entries = append(entries, file(fmt.Sprintf("%0100d", i), 0))
	}
	c := Measure(root(entries...))
	// 4084-24 bytes hold 37 names of 8+100 bytes, further blocks 37.
	if want := int64(28 + 1 + lostFoundBlocks); c.Blocks != want || c.Widest != "" || c.WidestEntries != 1000 {
		t.Errorf("%+v, want %d blocks", c, want)
	}
}

// TestLayout holds layouts against those that mke2fs makes.
func TestLayout(t *testing.T) {
	mkfs := need.Tool(t, "mkfs.ext4", "e2fsprogs")
	conf := filepath.Join(t.TempDir(), "conf")
	if err := os.WriteFile(conf, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ blocks, inodes int64 }{
		{16384, 11},
		{16384, 2059},
		{16384, 17},
		{32767, 5000},
		{32768, 5000},
		{32769, 5000},
		{33300, 5000},
		{34000, 20000},
		{65536, 8192},
		{98304, 8193},
		{131072, 100_000},
		{163840 + 900, 100_000},
		{262143, 1},
		{262144, 262144},
		{1 << 20, 1 << 20},
		{1<<22 + 777, 1 << 20},
		{1 << 26, 1 << 21},
	} {
		t.Run(fmt.Sprintf("%d blocks %d inodes", c.blocks, c.inodes), func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			f, err := os.Create(image)
			if err == nil {
				err = f.Truncate(c.blocks * blockSize)
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			cmd := exec.CommandContext(t.Context(), mkfs, "-F", "-q", "-b", "4096", "-I", "256", "-m", "0", "-N", strconv.FormatInt(c.inodes, 10),
				"-J", "size="+strconv.FormatInt(ext4.JournalBlocks(c.blocks)/256, 10), "-E", "lazy_itable_init=1,lazy_journal_init=1",
				"-O", "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum", image)
			cmd.Env = []string{"MKE2FS_CONFIG=" + conf, "LC_ALL=C"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("mkfs.ext4: %v: %s", err, out)
			}
			l := mke2fs.layout(c.blocks, c.inodes)
			got := dumped(t, image)
			used := got["Block count"] - got["Free blocks"]
			if got["Block count"] != l.blocks || got["Inode count"] != l.inodes || !l.ok {
				t.Errorf("mke2fs makes %d blocks and %d inodes, planned %+v", got["Block count"], got["Inode count"], l)
			}
			if extra := used - (l.overhead + lostFoundBlocks + 1); extra != 0 && (extra < -1 || extra > 1) {
				t.Errorf("mke2fs uses %d blocks, planned %d and five for directories", used, l.overhead)
			}
		})
	}
}

func dumped(t *testing.T, image string) map[string]int64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), need.Tool(t, "dumpe2fs", "e2fsprogs"), "-h", image).Output()
	if err != nil {
		t.Fatalf("dumpe2fs: %v", err)
	}
	fields := make(map[string]int64)
	for _, m := range regexp.MustCompile(`(?m)^([A-Z][A-Za-z ]+):\s+([0-9]+)$`).FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		fields[m[1]] = n
	}
	return fields
}

func TestPlans(t *testing.T) {
	const m = 1 << 20
	content := root(file("f", 200*m, extent(0, 200*m)))
	for name, c := range map[string]struct {
		tree         *tree.Tree
		want         sdk.SizePlan
		bytes, inode int64
		auto         bool
	}{
		"empty":           {root(), sdk.SizePlan{}, 64 * m, 2059, true},
		"tight":           {content, sdk.SizePlan{}, 218 * m, 2060, true},
		"20 percent":      {content, sdk.SizePlan{FreePercent: 20}, 263 * m, 2572, true},
		"100 MiB":         {content, sdk.SizePlan{FreeBytes: 100 * m}, 325 * m, 6412, true},
		"bytes win":       {content, sdk.SizePlan{FreeBytes: 100 * m, FreePercent: 20}, 325 * m, 6412, true},
		"inodes":          {content, sdk.SizePlan{Inodes: 100_000}, 391 * m, 100_000, true},
		"exact":           {content, sdk.SizePlan{Bytes: 512 * m}, 512 * m, 32768, false},
		"exact, few":      {content, sdk.SizePlan{Bytes: 218 * m}, 218 * m, 2060, false},
		"exact, rounded":  {root(), sdk.SizePlan{Bytes: 64*m + 1}, 64*m + 4096, 4096, false},
		"exact, minimum":  {root(), sdk.SizePlan{Bytes: 64 * m}, 64 * m, 4096, false},
		"exact, inodes":   {root(), sdk.SizePlan{Bytes: 64 * m, Inodes: 11}, 64 * m, 11, false},
		"a million inode": {root(), sdk.SizePlan{Inodes: 1 << 20}, 3977 * m, 1 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := New(c.tree, c.want)
			if err != nil {
				t.Fatal(err)
			}
			if got.Bytes != c.bytes || got.Inodes != c.inode || got.Auto != c.auto {
				t.Errorf("%d MiB (%d bytes), %d inodes, auto %t", got.Bytes/m, got.Bytes, got.Inodes, got.Auto)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	const m = 1 << 20
	content := root(file("f", 200*m, extent(0, 200*m)))
	for name, c := range map[string]struct {
		tree *tree.Tree
		want sdk.SizePlan
		text string
	}{
		"minimum":      {root(), sdk.SizePlan{Bytes: 64*m - 1}, "ext4 size 67108863 below minimum 67108864"},
		"content":      {content, sdk.SizePlan{Bytes: 200 * m}, "the tree needs 227540992"},
		"inodes":       {root(file("f", 0)), sdk.SizePlan{Inodes: 11}, "11 inodes are asked for and the tree needs 12"},
		"inode tables": {root(), sdk.SizePlan{Bytes: 64 * m, Inodes: 1 << 20}, "the tree needs "},
		"negative":     {root(), sdk.SizePlan{FreePercent: -1}, "negative"},
		"huge":         {root(), sdk.SizePlan{Bytes: math.MaxInt64}, "an image is below 16T"},
		"huge room":    {root(), sdk.SizePlan{FreeBytes: math.MaxInt64}, "an image is below 16T"},
		"huge percent": {content, sdk.SizePlan{FreePercent: math.MaxInt64}, "an image is below 16T"},
		"huge inodes":  {root(), sdk.SizePlan{Inodes: math.MaxInt64}, "it has fewer than 4294967296"},
		"huge content": {root(file("f", math.MaxInt64, extent(0, math.MaxInt64))), sdk.SizePlan{}, "an image is below 16T"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.tree, c.want)
			if errors.Is(err, sdk.ErrSize) != (name != "huge content") || err == nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "asked for") && hint.Of(err) == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
}

// TestPlansFit: whatever is asked for, a plan fits by its own count, is no
// smaller than asked, and what an error names as enough is enough.
func TestPlansFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(0, 1<<40).Draw(t, "content")
		content := root(file("f", size, extent(0, max(size, 1))))
		want := sdk.SizePlan{
			FreeBytes: rapid.SampledFrom([]int64{0, 1, 1 << 30, 1 << 35}).Draw(t, "free"), FreePercent: rapid.IntRange(0, 300).Draw(t, "percent"),
			Inodes: rapid.SampledFrom([]int64{0, 1000, 1 << 20, 1 << 28}).Draw(t, "inodes"),
		}
		p, err := New(content, want)
		if err != nil {
			t.Fatal(err)
		}
		blocks := p.Bytes / blockSize
		if left := blocks - p.Overhead - p.Content.Blocks; left < p.FreeBlocks || left < want.FreeBytes/blockSize {
			t.Errorf("%+v leaves %d blocks", p, left)
		}
		if p.Bytes%mib != 0 || p.Bytes < MinBytes || p.Inodes < want.Inodes {
			t.Errorf("%+v", p)
		}
		if l := p.Larger(5); l.Bytes <= p.Bytes+5*blockSize || l.Bytes%mib != 0 || l.Inodes < p.Inodes {
			t.Errorf("%+v becomes %+v", p, l)
		}
	})
}
