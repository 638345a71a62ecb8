package ext4

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

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
	for name, change := range map[string]func([]byte) []byte{
		"empty":           func([]byte) []byte { return nil },
		"no superblock":   func(b []byte) []byte { return b[:1500] },
		"cut short":       func(b []byte) []byte { return b[:len(b)-1] },
		"no magic":        func(b []byte) []byte { b[superOffset+0x38]++; return b },
		"1 KiB blocks":    func(b []byte) []byte { b[superOffset+0x18] = 0; return b },
		"another feature": func(b []byte) []byte { b[superOffset+0x61] |= 0x80; return b },
		"no inodes":       func(b []byte) []byte { clear(b[superOffset+0x28:][:4]); return b },
		"too many inodes": func(b []byte) []byte { b[superOffset+3] = 0xff; return b },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(image, change(slices.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			if m, err := Open(image); err == nil {
				_ = m.Close()
				t.Error("no error")
			}
		})
	}
	if _, err := Open(image + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
