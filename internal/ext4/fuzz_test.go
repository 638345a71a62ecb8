package ext4

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// makeImage makes a small image with a directory, files, xattrs and symlinks,
// in a form that arguments of mkfs.ext4 change.
func makeImage(t testing.TB, args ...string) string {
	t.Helper()
	mkfs := need.Tool(t, "mkfs.ext4", "e2fsprogs")
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	for _, d := range []string{root, root + "/sub", root + "/sub/below"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(root+"/sub/file", []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"/short": "target", "/long": string(make8(200))} {
		if err := os.Symlink(target, root+name); err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(dir, "image")
	const features = "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
	args = append([]string{"-F", "-q", "-b", "4096", "-I", "256", "-N", "64", "-O", features, "-d", root}, args...)
	out, err := exec.CommandContext(t.Context(), mkfs, append(args, image, "2M")...).CombinedOutput()
	if err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	return image
}

func make8(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 't'
	}
	return b
}

// fuzzTree has something of each form that is read: an index, an extent tree
// with blocks, xattrs in both places, both kinds of symlinks.
func fuzzTree(f testing.TB) (*tree.Tree, *treetest.Packs) {
	b := treetest.New(f.TempDir())
	b.Dir("d")
	for i := range 60 {
		b.File(fmt.Sprintf("d/%02d%s", i, strings.Repeat("n", 100)), "x")
	}
	var pieces []treetest.Piece
	for i := range int64(9) {
		pieces = append(pieces, treetest.Piece{Offset: i * 3 * BlockSize, Data: "piece"})
	}
	b.Sparse(tree.Entry{Path: "pieces", Mode: 0o644}, 30*BlockSize, pieces...)
	b.Add(tree.Entry{Path: "short", Type: tree.Symlink, Target: "t"})
	b.Add(tree.Entry{Path: "long", Type: tree.Symlink, Target: strings.Repeat("t", 100)})
	b.Content(tree.Entry{Path: "x", Xattrs: []tree.Xattr{{Name: "user.a", Value: "a"}, {Name: "user.b", Value: strings.Repeat("b", 900)}}}, "x")
	b.Link("y", "x")
	return b.Tree()
}

// FuzzImage overwrites bytes of an image without checksums: five bytes of
// input are an offset in its used blocks and a value.
func FuzzImage(f *testing.F) {
	want, packs := fuzzTree(f)
	image := filepath.Join(f.TempDir(), "image")
	writeImage(f, image, want, packs, Options{Features: DirIndex}, Size{Blocks: 512, Inodes: 96})
	base, err := os.ReadFile(image)
	if err != nil {
		f.Fatal(err)
	}
	var used []int64 // offsets of blocks
	for at := int64(0); at < int64(len(base)); at += BlockSize {
		if !bytes.Equal(base[at:at+BlockSize], make([]byte, BlockSize)) {
			used = append(used, at)
		}
	}
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = file.Close() })
	f.Add([]byte{})
	for block := range used {
		for _, at := range []int{0, 2, 4, 6, 8, 12, 40, 44, 48, 1024 + 0x18, 1024 + 0x28, 1024 + 0x58, 2000, 4090} {
			f.Add(append(le.AppendUint32(nil, uint32(block*BlockSize+at)), 0xff))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		for rest := input; len(rest) >= 5; rest = rest[5:] {
			at := int64(le.Uint32(rest)) % (int64(len(used)) * BlockSize)
			at = used[at/BlockSize] + at%BlockSize
			if _, err := file.WriteAt(rest[4:5], at); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if _, err := file.WriteAt(base[at:at+1], at); err != nil {
					t.Fatal(err)
				}
			}()
		}
		if err := readAll(t.Context(), image); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v", err)
		}
	})
}

// readAll reads all of an image but files that claim to be larger than it.
func readAll(ctx context.Context, path string) error {
	m, err := Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	for n := uint32(1); n <= uint32(m.super.Inodes) && n < 200; n++ {
		if i, err := m.Inode(n); err == nil && i.Size > 1<<24 {
			return nil
		}
	}
	_, err = m.ReadTree(ctx)
	return err
}

func FuzzDirents(f *testing.F) {
	f.Add(dirBlock("a", "bc"))
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := appendDirents(nil, b, 1)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v", err)
		}
		for _, d := range list {
			if d.at+direntHeader+len(d.Name) > len(b) {
				t.Errorf("%q ends beyond the block", d.Name)
			}
		}
	})
}

// dirBlock makes a small directory block without its tail.
func dirBlock(names ...string) []byte {
	var b []byte
	for i, n := range names {
		size := (direntHeader + len(n) + 3) &^ 3
		e := make([]byte, size)
		binary.LittleEndian.PutUint32(e, uint32(i+12))
		binary.LittleEndian.PutUint16(e[4:], uint16(size))
		e[6] = byte(len(n))
		copy(e[direntHeader:], n)
		b = append(b, e...)
	}
	return b
}

func FuzzXattrs(f *testing.F) {
	entry := make([]byte, 64)
	entry[0], entry[1], entry[2], entry[8] = 1, 1, 40, 3
	entry[16] = 'a'
	f.Add(entry)
	f.Add([]byte{0, 2, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := appendXattrs(nil, b, b); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v", err)
		}
	})
}
