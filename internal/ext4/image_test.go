package ext4

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"banger/internal/ext4test"
)

func TestReadImage(t *testing.T) {
	image := makeImage(t)
	m, err := Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	root, err := m.Inode(RootInode)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, m, &root); !slices.Equal(got, []string{"long=12", "lost+found=11", "short=13", "sub=14"}) {
		t.Errorf("root has %q", got)
	}
	for n, want := range map[uint32]string{12: strings.Repeat("t", 200), 13: "target"} {
		i, err := m.Inode(n)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Readlink(&i); got != want || err != nil {
			t.Errorf("inode %d links to %q, %v", n, got, err)
		}
	}
	file, err := m.Inode(16)
	if err != nil || file.Size != 7 || file.Links != 1 {
		t.Errorf("file is %+v, %v", file, err)
	}
	if _, err := m.ReadDir(&file); !errors.Is(err, ErrFormat) {
		t.Errorf("reading a file as a directory: %v", err)
	}
}

// TestReadsForms reads what mkfs.ext4 makes in forms that this package does not
// write, such as those of small filesystems and of later releases.
func TestReadsForms(t *testing.T) {
	list := func(args ...string) string {
		m, err := Open(makeImage(t, args...))
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		defer m.Close()
		got, err := m.ReadTree(t.Context())
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		var b strings.Builder
		for _, e := range got.Entries {
			fmt.Fprintf(&b, "%s %s %o %s %x\n", e.Path, e.Type, e.Mode, e.Target, e.SHA256)
		}
		return b.String()
	}
	want := list()
	if strings.Count(want, "\n") != 7 {
		t.Errorf("got\n%s", want)
	}
	for _, args := range [][]string{
		{"-b", "1024"},
		{"-b", "2048"},
		{"-I", "128"},
		{"-O", "^64bit"},
		{"-O", "^flex_bg"},
		{"-O", "^metadata_csum,uninit_bg"},
		{"-O", "metadata_csum_seed"},
		{"-O", "has_journal,orphan_file", "-b", "1024"},
		{"-O", "mmp"},
		{"-O", "ea_inode"},
		{"-O", "casefold"},
		{"-O", "large_dir"},
		{"-O", "sparse_super2"},
		{"-O", "verity"},
	} {
		if diff := cmp.Diff(want, list(args...)); diff != "" {
			t.Errorf("%q (-plain +this):\n%s", args, diff)
		}
	}
}

func names(t *testing.T, m *Image, dir *Inode) []string {
	t.Helper()
	list, err := m.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name+"="+string(rune('0'+d.Inode/10))+string(rune('0'+d.Inode%10)))
	}
	slices.Sort(names)
	return names
}

// TestRelink holds renamed entries against e2fsck, which checks checksums.
func TestRelink(t *testing.T) {
	image := makeImage(t)
	m, err := OpenRW(image)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	root, err := m.Inode(RootInode)
	if err != nil {
		t.Fatal(err)
	}
	list, err := m.ReadDir(&root)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Name != "short" {
			continue
		}
		if err := m.Relink(&root, d, "other name", d.Inode); err == nil {
			t.Error("a longer name is taken")
		}
		if err := m.Relink(&root, d, "a\n\xff\"b", d.Inode); err != nil {
			t.Error(err)
		}
	}
	if got := names(t, m, &root); !slices.Contains(got, "a\n\xff\"b=13") {
		t.Errorf("root has %q", got)
	}
	ext4test.Fsck(t, image)
}

func TestOpenRefuses(t *testing.T) {
	image := makeImage(t)
	good, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	super := func(at int, b ...byte) func([]byte) []byte {
		return func(image []byte) []byte {
			s := image[superOffset:][:superSize]
			copy(s[at:], b)
			le.PutUint32(s[superSum:], checksum(^uint32(0), s[:superSum]))
			return image
		}
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		text   string
	}{
		"empty":           {func([]byte) []byte { return nil }, "0 bytes are too few"},
		"no superblock":   {func(b []byte) []byte { return b[:1500] }, "1500 bytes are too few"},
		"cut short":       {func(b []byte) []byte { return b[:len(b)-1] }, "cut short: a filesystem of 2097152 bytes in a file of 2097151"},
		"flipped":         {func(b []byte) []byte { b[superOffset] ^= 1; return b }, "superblock: wrong checksum"},
		"no magic":        {super(0x38, 0), "no ext4 magic"},
		"1 KiB blocks":    {super(0x18, 0), "512 blocks, groups of 32768"},
		"64 KiB blocks":   {super(0x18, 6), "blocks of 2^6 KiB"},
		"more features":   {super(0x60, 0xd2, 0x82, 0, 0x80), "it has the features meta_bg, inline_data, 0x80000000"},
		"clusters":        {super(0x65, 0x6), "it has the features bigalloc"},
		"no extents":      {super(0x60, 0x82, 0x2), "it has not the feature extent"},
		"no inodes":       {super(0x28, 0, 0, 0, 0), "0 in each of 1 groups"},
		"too many inodes": {super(0x3, 0xff), "in each of 1 groups"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(image, c.change(slices.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := Open(image)
			if err == nil {
				_ = m.Close()
			}
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
	fifo := image + ".fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fifo); !errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(image + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
