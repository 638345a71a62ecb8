package buildtest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"banger/internal/ext4"
	"banger/internal/ext4test"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/sparse"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// TestLargeFile is a file of 5 GiB in many pieces.
func TestLargeFile(t *testing.T) {
	b := newTree(t)
	noise := random(3 << 20)
	var pieces []treetest.Piece
	for i := range int64(50) {
		pieces = append(pieces, treetest.Piece{Offset: i * 100 << 20, Data: noise[i:]})
	}
	b.Sparse(tree.Entry{Path: "five", Mode: 0o644}, 5<<30, pieces...)
	want, packs := b.Tree()
	for _, name := range native {
		got := build(t, job{builder: name, tree: want, packs: packs})
		if info, err := os.Stat(got.image); err != nil || info.Size() > 400<<20 {
			t.Errorf("%s: the image has %d bytes, %v", name, info.Size(), err)
		}
		sameAsTree(t, got.image, want, fstree.Options{Skip: []string{"lost+found"}})
		if name == "ext4" {
			ext4test.SameData(t, ext4test.Mount(t, got.image)+"/five", want.Lookup("five"), packs.File)
		}
	}
}

// TestHundredThousandFiles has the kernel read every one of them.
func TestHundredThousandFiles(t *testing.T) {
	want, packs := tiny(t, tinyFiles(100_000))
	got := build(t, job{builder: "ext4", dir: memoryDir(t), tree: want, packs: packs})
	sameAsTree(t, got.image, want, fstree.Options{Skip: []string{"lost+found"}})
}

// TestDamagedPack: content that is not the tree's never gets into an image
// unnoticed.
func TestDamagedPack(t *testing.T) {
	for name, size := range map[string]int{"small": 5, "large": 3 << 20} {
		t.Run(name, func(t *testing.T) {
			b := newTree(t)
			b.File("a", random(size))
			b.File("b", "neighbour")
			want, packs := b.Tree()
			want.Entries[1].SHA256[0] ^= 1
			for _, builder := range native {
				_, err := run(t.Context(), job{builder: builder, dir: t.TempDir(), tree: want, packs: packs})
				if !errors.Is(err, sparse.ErrContent) || !strings.Contains(err.Error(), `"a"`) {
					t.Errorf("%s: got %v", builder, err)
				}
			}
		})
	}
}

// TestNativeCancel: a build that is cancelled ends, with the context's error.
func TestNativeCancel(t *testing.T) {
	b := newTree(t)
	dense(b)
	want, packs := b.Tree()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range native {
		if _, err := run(ctx, job{builder: name, dir: t.TempDir(), tree: want, packs: packs}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestNativeLostFound: the directory that fsck(8) wants is there unless told
// otherwise.
func TestNativeLostFound(t *testing.T) {
	b := newTree(t)
	want, packs := b.Tree()
	for value, there := range map[string]bool{"": true, "true": true, "false": false} {
		options := sdk.Options{}
		if value != "" {
			options["lost-found"] = value
		}
		m, err := ext4.Open(build(t, job{builder: "ext4", tree: want, packs: packs, options: options}).image)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.ReadTree(t.Context())
		if err := errors.Join(err, m.Close()); err != nil {
			t.Fatal(err)
		}
		if e := got.Lookup("lost+found"); (e != nil) != there || there && (e.Type != tree.Directory || e.Mode != 0o700) {
			t.Errorf("lost-found=%s: %+v", value, e)
		}
	}
}

// TestNativeOptions: what the options of ext4 do, and what they refuse.
func TestNativeOptions(t *testing.T) {
	b := newTree(t)
	small(b)
	want, packs := b.Tree()
	const uuid = "00112233-4455-6677-8899-aabbccddeeff"
	for _, c := range []struct{ option, value, line string }{
		{"uuid", uuid, "Filesystem UUID:          " + uuid},
		{"journal", "32M", "Total journal size:       32M"},
		{"journal", "none", "Filesystem features:      ext_attr resize_inode"},
		{"reserved", "3", "Reserved block count:     737"},
		{"features", "^metadata_csum,^64bit,^dir_index,^resize_inode", "has_journal ext_attr filetype extent flex_bg sparse_super large_file huge_file dir_nlink extra_isize\n"},
		{"label", "other", "Filesystem volume name:   other"},
	} {
		got := build(t, job{builder: "ext4", tree: want, packs: packs, options: sdk.Options{c.option: c.value}, size: sdk.SizePlan{Bytes: 96 << 20}})
		out, err := exec.CommandContext(t.Context(), need.Tool(t, "dumpe2fs", "e2fsprogs"), "-h", got.image).Output()
		if err != nil || !strings.Contains(string(out), c.line) {
			t.Errorf("%s=%s: %v, and no %q in\n%s", c.option, c.value, err, c.line, out)
		}
	}
	for _, c := range []struct{ option, value, text string }{
		{"uuid", "x", `uuid="x": want what matches`},
		{"journal", "1M", "not from 4M to 40G"},
		{"journal", "big", `journal="big": want what matches`},
		{"journal", "64M", "the tree needs"},
		{"reserved", "51", `reserved="51": want what matches`},
		{"features", "^extent", "unknown feature extent"},
		{"label", "seventeen is more", "at most 16 bytes"},
	} {
		_, err := run(t.Context(), job{builder: "ext4", dir: t.TempDir(), tree: want, packs: packs, options: sdk.Options{c.option: c.value}, size: sdk.SizePlan{Bytes: 64 << 20}})
		if err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s=%s: %v", c.option, c.value, err)
		}
	}
}
