package ext4

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"banger/internal/need"
)

// makeImage makes a small image with a directory, files, xattrs and symlinks.
func makeImage(t testing.TB) string {
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
	out, err := exec.CommandContext(t.Context(), mkfs, "-F", "-q", "-b", "4096", "-I", "256", "-N", "64", "-O", features, "-d", root, image, "2M").CombinedOutput()
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

// walk reads all that an image has, and returns the first error.
func walk(path string) error {
	m, err := Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	for n := uint32(1); n <= 32; n++ {
		i, err := m.Inode(n)
		if err != nil {
			return err
		}
		if _, err := m.Xattrs(&i); err != nil {
			return err
		}
		switch i.Mode & TypeMask {
		case TypeDir:
			_, err = m.ReadDir(&i)
		case TypeSymlink:
			_, err = m.Readlink(&i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// FuzzImage overwrites bytes of an image: five bytes of input are an offset
// and a value.
func FuzzImage(f *testing.F) {
	image := makeImage(f)
	base, err := os.ReadFile(image)
	if err != nil {
		f.Fatal(err)
	}
	file, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = file.Close() })
	patch := func(at uint32, v byte) []byte { return append(binary.LittleEndian.AppendUint32(nil, at), v) }
	f.Add([]byte{})
	f.Add(patch(superOffset+0x18, 3))
	f.Add(patch(superOffset+0x28, 0))
	f.Add(patch(4096+8, 0xff))
	f.Fuzz(func(t *testing.T, input []byte) {
		for rest := input; len(rest) >= 5; rest = rest[5:] {
			at := int64(binary.LittleEndian.Uint32(rest)) % int64(len(base))
			if _, err := file.WriteAt(rest[4:5], at); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if _, err := file.WriteAt(base[at:at+1], at); err != nil {
					t.Fatal(err)
				}
			}()
		}
		if err := walk(image); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzDirents(f *testing.F) {
	f.Add(dirBlock("a", "bc"))
	f.Add(make([]byte, 24))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < direntTail {
			return
		}
		list, err := appendDirents(nil, b, 1)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("got %v", err)
		}
		for _, d := range list {
			if d.at+direntHeader+len(d.Name) > len(b)-direntTail {
				t.Errorf("%q ends in the tail", d.Name)
			}
		}
	})
}

// dirBlock makes a small directory block without its tail's content.
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
	return append(b, make([]byte, direntTail)...)
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
