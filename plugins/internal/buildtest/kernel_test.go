package buildtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/ext4"
	"banger/internal/ext4test"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// mountRW mounts an image to write to and returns where, and a function that
// unmounts it and returns what the kernel's log has to complain of.
func mountRW(t *testing.T, image string) (dir string, umount func() []string) {
	t.Helper()
	need.Root(t)
	log := openKernelLog(t)
	dir = t.TempDir()
	need.Run(t, "mount", "-o", "loop", image, dir)
	mounted := true
	undo := func() {
		if mounted {
			mounted = false
			_ = exec.CommandContext(context.WithoutCancel(t.Context()), "umount", dir).Run()
		}
	}
	t.Cleanup(undo)
	device := strings.TrimPrefix(strings.TrimSpace(need.Run(t, "findmnt", "-no", "SOURCE", dir)), "/dev/")
	return dir, func() []string {
		undo()
		return log.complaints(t, device)
	}
}

// kernelLog is /dev/kmsg from some moment on.
type kernelLog struct{ fd int }

func openKernelLog(t *testing.T) kernelLog {
	t.Helper()
	fd, err := unix.Open(need.File(t, "/dev/kmsg", "the kernel's log"), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err == nil {
		_, err = unix.Seek(fd, 0, unix.SEEK_END)
	}
	if err != nil {
		t.Fatalf("open kernel log: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return kernelLog{fd}
}

// complaints returns the errors and warnings of ext4 and its journal about a
// device.
func (l kernelLog) complaints(t *testing.T, device string) (list []string) {
	t.Helper()
	buf := make([]byte, 8192)
	for {
		n, err := unix.Read(l.fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return list
		case errors.Is(err, unix.EPIPE): // records were overwritten
			continue
		case err != nil:
			t.Fatalf("read kernel log: %v", err)
		}
		text := string(buf[:n])
		about := strings.Contains(text, "("+device+")") || strings.Contains(text, "device "+device) || strings.Contains(text, device+"-8")
		if about && (strings.Contains(text, "EXT4-fs error") || strings.Contains(text, "EXT4-fs warning") || strings.Contains(text, "JBD2:")) {
			list = append(list, text)
		}
	}
}

// TestKernelComplains: what the kernel has to say against an image is heard.
func TestKernelComplains(t *testing.T) {
	want, packs := tiny(t, flat(10))
	got := build(t, job{builder: "ext4", tree: want, packs: packs})
	need.Run(t, need.Tool(t, "debugfs", "e2fsprogs"), "-w", "-R", "zap_block -f /d -o 40 -l 1 -p 0x58 0", got.image)
	dir, umount := mountRW(t, got.image)
	if names, err := os.ReadDir(dir + "/d"); err == nil {
		t.Errorf("the kernel lists %v", names)
	}
	if len(umount()) == 0 {
		t.Error("a damaged directory is not complained of")
	}
}

// TestKernelFindsNames has the kernel look up every name of large directories,
// through their indexes, and some that are not there.
func TestKernelFindsNames(t *testing.T) {
	for _, n := range []int{200, 12_000, 200_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			want, packs := tiny(t, flat(n))
			got := build(t, job{builder: "ext4", dir: memoryDir(t), tree: want, packs: packs})
			dir, umount := mountRW(t, got.image)
			if isIndexed(t, dir+"/d") != (n > 200) { // 200 names take one block
				t.Error("an index that should be there is not, or the other way round")
			}
			var st unix.Stat_t
			for i := range n {
				if err := unix.Lstat(fmt.Sprintf("%s/d/%d", dir, i), &st); err != nil || st.Size != 1 {
					t.Fatalf("name %d: %v, %d bytes", i, err, st.Size)
				}
				if err := unix.Lstat(fmt.Sprintf("%s/d/x%d", dir, i), &st); !errors.Is(err, unix.ENOENT) {
					t.Fatalf("name x%d: %v", i, err)
				}
			}
			names, err := os.ReadDir(dir + "/d")
			if err != nil || len(names) != n {
				t.Errorf("listed %d names, %v", len(names), err)
			}
			grow(t, dir+"/d", n)
			if bad := umount(); len(bad) > 0 {
				t.Errorf("the kernel says %q", bad)
			}
			ext4test.Fsck(t, got.image)
		})
	}
}

// isIndexed reports whether the kernel takes a directory for an indexed one.
func isIndexed(t *testing.T, dir string) bool {
	t.Helper()
	flags, _, _ := strings.Cut(need.Run(t, need.Tool(t, "lsattr", "e2fsprogs"), "-d", dir), " ")
	return strings.Contains(flags, "I")
}

// grow adds names to a directory and takes some away.
func grow(t *testing.T, dir string, n int) {
	t.Helper()
	for i := range 5000 {
		if err := os.WriteFile(fmt.Sprintf("%s/new-%d", dir, i), nil, 0o600); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	for i := 0; i < n; i += 3 {
		if err := os.Remove(fmt.Sprintf("%s/%d", dir, i)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFillAndEmpty uses up all blocks, and all inodes, of an image, deletes
// what that took and finds the tree as it was.
func TestFillAndEmpty(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name, options := range map[string]sdk.Options{
		"default":    {},
		"no journal": {"journal": "none"},
		"old guest":  {"features": "^metadata_csum,^64bit,^dir_index,^resize_inode"},
		"reserved":   {"reserved": "5", "journal": "8M"},
	} {
		t.Run(name, func(t *testing.T) {
			options["lost-found"] = "false"
			got := build(t, job{builder: "ext4", tree: want, packs: packs, options: options, size: sdk.SizePlan{Bytes: 150<<20 + 4096}})
			dir, umount := mountRW(t, got.image)
			fill(t, dir)
			if bad := umount(); len(bad) > 0 {
				t.Errorf("the kernel says %q", bad)
			}
			ext4test.Fsck(t, got.image)
			dir, umount = mountRW(t, got.image)
			for _, sub := range []string{"filler", "inodes"} {
				if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chtimes(dir, want.Entries[0].MTime.Time(), want.Entries[0].MTime.Time()); err != nil {
				t.Fatal(err)
			}
			if bad := umount(); len(bad) > 0 {
				t.Errorf("the kernel says %q", bad)
			}
			ext4test.Fsck(t, got.image)
			sameAsTree(t, got.image, want, fstree.Options{})
		})
	}
}

// fill writes a file until there is no room, then makes files until there are
// no inodes.
func fill(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir+"/inodes", 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		err := os.Symlink("x", fmt.Sprintf("%s/inodes/%d", dir, i))
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Create(dir + "/filler")
	if errors.Is(err, unix.ENOSPC) { // the last inode is gone: give one back
		if err = os.Remove(dir + "/inodes/0"); err == nil {
			f, err = os.Create(dir + "/filler")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	chunk := bytes.Repeat([]byte("fill"), 1<<18)
	for {
		if _, err := f.Write(chunk); errors.Is(err, unix.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// TestResize grows images to ten times their size, and shrinks one.
func TestResize(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name, c := range map[string]struct {
		options sdk.Options
		size    int64
		to      []string
	}{
		"small":    {sdk.Options{}, 64 << 20, []string{"640M"}},
		"groups":   {sdk.Options{}, 1 << 30, []string{"10G"}},
		"shrink":   {sdk.Options{}, 1 << 30, []string{"200M", "2G"}},
		"no room":  {sdk.Options{"features": "^resize_inode"}, 64 << 20, []string{"640M"}},
		"no csums": {sdk.Options{"features": "^metadata_csum,^64bit"}, 300 << 20, []string{"3000M"}},
	} {
		t.Run(name, func(t *testing.T) {
			need.Root(t)
			got := build(t, job{builder: "ext4", tree: want, packs: packs, options: c.options, size: sdk.SizePlan{Bytes: c.size}})
			for _, size := range c.to {
				need.Run(t, need.Tool(t, "resize2fs", "e2fsprogs"), got.image, size)
				ext4test.Fsck(t, got.image)
				if want, err := sdk.ParseSize(size); err != nil || superOf(t, got.image).Blocks != want/ext4.BlockSize {
					t.Errorf("%d blocks, not %s, %v", superOf(t, got.image).Blocks, size, err)
				}
			}
			sameAsTree(t, got.image, want, fstree.Options{Skip: []string{"lost+found"}})
		})
	}
}

// TestManyLinks: an inode has 65000 names, and what is more gets another inode
// and is told; a directory has any number of directories.
func TestManyLinks(t *testing.T) {
	b := newTree(t)
	b.File("a", "content")
	want, packs := b.Tree()
	const names, dirs = 65_100, 65_010
	want.Lookup("a").Links = names + 1
	for i := range names {
		want.Entries = append(want.Entries, tree.Entry{Path: fmt.Sprintf("l%d", i), Type: tree.Hardlink, Target: "a"})
	}
	for i := range dirs {
		want.Entries = append(want.Entries, tree.Entry{Path: fmt.Sprintf("x%d", i), Type: tree.Directory, Mode: 0o755})
	}
	slices.SortFunc(want.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	got := build(t, job{builder: "ext4", dir: memoryDir(t), tree: want, packs: packs})
	if len(got.losses) != names+1-65_000 || got.losses[0].Field != "links" {
		t.Errorf("%d losses", len(got.losses))
	}
	dir := ext4test.Mount(t, got.image)
	var first, last, root unix.Stat_t
	err := errors.Join(unix.Stat(dir+"/a", &first), unix.Stat(dir+"/"+got.losses[0].Path, &last), unix.Stat(dir, &root))
	if err != nil || first.Nlink != 65_000 || last.Nlink != 101 || first.Ino == last.Ino || last.Size != 7 || root.Nlink != 1 {
		t.Errorf("%v; links %d and %d, root %d", err, first.Nlink, last.Nlink, root.Nlink)
	}
	if text, err := os.ReadFile(dir + "/" + got.losses[0].Path); string(text) != "content" || err != nil {
		t.Errorf("%q has %q, %v", got.losses[0].Path, text, err)
	}
}

// TestLeftOut: what has no place in ext4 is told, and the rest is there.
func TestLeftOut(t *testing.T) {
	b := newTree(t)
	leaveOut(b)
	want, packs := b.Tree()
	checkLeftOut(t, build(t, job{builder: "ext4", tree: want, packs: packs, options: sdk.Options{"lost-found": "false"}}), want)
}

// leaveOut fills a tree with six entries that no filesystem has a place for,
// and others.
func leaveOut(b *treetest.Builder) {
	long := strings.Repeat("n", 256)
	b.Dir(long)
	b.File(long+"/below", "x")
	b.File("a", "kept")
	b.Link("b"+long, "a")
	b.Add(tree.Entry{Path: "huge", Type: tree.Regular, Mode: 0o644, Size: 1 << 44})
	b.Link("huge2", "huge")
	b.Add(tree.Entry{Path: "link", Type: tree.Symlink, Mode: 0o777, Target: strings.Repeat("t", 4096)})
}

// checkLeftOut holds the image of such a tree against the rest of it.
func checkLeftOut(t *testing.T, got built, want *tree.Tree) {
	t.Helper()
	lost := make(map[string]bool)
	for _, l := range got.losses {
		lost[l.Path] = true
		if l.Field != "type" || l.Why == "" {
			t.Errorf("%v", l)
		}
	}
	if len(lost) != 6 {
		t.Errorf("losses:\n%s", lossLines(got.losses))
	}
	rest := *want
	rest.Entries = slices.DeleteFunc(slices.Clone(want.Entries), func(e tree.Entry) bool { return lost[e.Path] })
	rest.Lookup("a").Links = 1
	sameAsTree(t, got.image, &rest, fstree.Options{})
}
