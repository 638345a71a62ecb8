package buildtest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/ext4test"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/sdk"
	"banger/sdk/tree"
)

// TestOthersTellTheirLosses checks, of a tree with all that ext4 can hold, that
// what is not told as a loss is in the image, and that what is told is as told.
func TestOthersTellTheirLosses(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name, fields := range map[string][]string{
		"erofs":    nil,
		"squashfs": {"mtime", "xattr:system.posix_acl_access", "xattr:system.posix_acl_default"},
	} {
		t.Run(name, func(t *testing.T) {
			got := build(t, job{builder: name, tree: want, packs: packs})
			checkLosses(t, want, got)
			lost := fieldsOf(got.losses)
			for _, f := range fields {
				if lost[f] == 0 {
					t.Errorf("no loss of %s in %v", f, lost)
				}
				delete(lost, f)
			}
			if why := reasons(got.losses); len(lost) > 0 || slices.Contains(why, "") {
				t.Errorf("losses of %v, reasons %q", lost, why)
			}
		})
	}
}

// TestSquashfsRandomTrees holds random trees, less what is told as lost, against
// the kernel's view of their images.
func TestSquashfsRandomTrees(t *testing.T) {
	trees := randomTrees(t)
	for seed := range 12 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			in := trees.Example(seed)
			checkLosses(t, in.want, build(t, job{builder: "squashfs", tree: in.want, packs: in.packs}))
		})
	}
}

// TestErofsLosses is what erofs cannot hold, and the most that it can.
func TestErofsLosses(t *testing.T) {
	b := newTree(t)
	long := strings.Repeat("v", 65535)
	b.Add(tree.Entry{Path: "c", Type: tree.CharDevice, DevMajor: 4096, DevMinor: 1})
	b.Add(tree.Entry{Path: "b", Type: tree.BlockDevice, DevMajor: 1, DevMinor: 1 << 20})
	b.Content(tree.Entry{Path: "x", Mode: 0o644, MTime: tree.Time{Sec: -1 << 40}, Xattrs: []tree.Xattr{
		{Name: "foo.bar", Value: "1"},
		{Name: "security.a", Value: long},
		{Name: "security.too.long", Value: long + "v"},
		{Name: "trusted.a", Value: long},
		{Name: "trusted.b", Value: long},
		{Name: "user.beyond", Value: long},
		{Name: "user.last", Value: strings.Repeat("l", 65536-100)},
	}}, "x")
	b.Add(tree.Entry{Path: "l", Type: tree.Symlink, Mode: 0o777, Target: "x", Xattrs: []tree.Xattr{{Name: "user.l", Value: "5"}}})
	var names []tree.Xattr
	for i := range 300 {
		names = append(names, tree.Xattr{Name: fmt.Sprintf("user.%03d%s", i, strings.Repeat("n", 247))})
	}
	b.Content(tree.Entry{Path: "names", Mode: 0o644, Xattrs: names}, "x")
	want, packs := b.Tree()
	got := build(t, job{builder: "erofs", tree: want, packs: packs})
	lost := make(map[string]int)
	for _, l := range got.losses {
		if l.Path != "names" {
			lost[l.Path+" "+l.Field]++
		}
	}
	if len(lost) != 6 || lost["b device"]+lost["c device"]+lost["l xattr:user.l"]+
		lost["x xattr:foo.bar"]+lost["x xattr:security.too.long"]+lost["x xattr:user.beyond"] != 6 || len(got.losses) != 6+300-65536/256 {
		t.Errorf("%d losses: %v", len(got.losses), lost)
	}
	checkLosses(t, want, got)
}

// TestErofsLeftOut: what has no place in erofs is told, and the rest is there.
func TestErofsLeftOut(t *testing.T) {
	b := newTree(t)
	leaveOut(b)
	want, packs := b.Tree()
	checkLeftOut(t, build(t, job{builder: "erofs", tree: want, packs: packs}), want)
}

// TestErofsFindsNames has the kernel look up every name of large directories,
// those before "." and "..", too, and some that are not there.
func TestErofsFindsNames(t *testing.T) {
	for _, n := range []int{0, 1, 200, 200_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			entries := flat(n)
			for _, name := range []string{"!", "\n", "-", ".!", "...", "..a"} {
				entries = append(entries, tree.Entry{Path: "d/" + name, Type: tree.Regular, Mode: 0o644})
			}
			want, packs := tiny(t, entries)
			got := build(t, job{builder: "erofs", dir: memoryDir(t), tree: want, packs: packs})
			dir := ext4test.Mount(t, got.image)
			var st unix.Stat_t
			for _, e := range entries[1:] {
				if err := unix.Lstat(dir+"/"+e.Path, &st); err != nil || st.Size != 1 {
					t.Fatalf("%q: %v, %d bytes", e.Path, err, st.Size)
				}
				if err := unix.Lstat(dir+"/"+e.Path+"x", &st); !errors.Is(err, unix.ENOENT) {
					t.Fatalf("%q and an x: %v", e.Path, err)
				}
			}
			if names, err := os.ReadDir(dir + "/d"); err != nil || len(names) != len(entries)-1 {
				t.Errorf("listed %d names, %v", len(names), err)
			}
		})
	}
}

// TestErofsLinks: an inode has any number of names.
func TestErofsLinks(t *testing.T) {
	const names = 70_000
	want, packs := tiny(t, nil)
	want.Lookup("first").Links = names + 1
	for i := range names {
		want.Entries = append(want.Entries, tree.Entry{Path: fmt.Sprintf("l%d", i), Type: tree.Hardlink, Target: "first"})
	}
	slices.SortFunc(want.Entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	got := build(t, job{builder: "erofs", dir: memoryDir(t), tree: want, packs: packs})
	dir := ext4test.Mount(t, got.image)
	var st, root unix.Stat_t
	if err := errors.Join(unix.Stat(dir+"/l7", &st), unix.Stat(dir, &root)); err != nil || int(st.Nlink) != names+1 || root.Nlink != 2 || len(got.losses) > 0 {
		t.Errorf("%v: %d and %d links, %d losses", err, st.Nlink, root.Nlink, len(got.losses))
	}
}

// TestErofsShapes has files, directories, symlinks and xattrs of all lengths
// around those at which their form changes.
func TestErofsShapes(t *testing.T) {
	b := newTree(t)
	noise := random(3 * 4096)
	for _, base := range []int{0, 4096, 2 * 4096} {
		for d := -68; d <= 4; d++ {
			if n := base + d; n >= 0 {
				b.File(fmt.Sprintf("f%d", n), noise[:n])
			}
		}
	}
	for n := 3900; n <= 4095; n += 5 {
		b.Add(tree.Entry{Path: fmt.Sprintf("l%d", n), Type: tree.Symlink, Mode: 0o777, Target: noise32(n)})
	}
	for n := 3950; n <= 4200; n += 3 {
		xattrs := []tree.Xattr{{Name: "user.x", Value: noise[:n]}}
		b.Content(tree.Entry{Path: fmt.Sprintf("x%d", n), Mode: 0o644, Xattrs: xattrs}, noise[:n%50])
		b.Add(tree.Entry{Path: fmt.Sprintf("y%d", n), Type: tree.Symlink, Mode: 0o777, Target: "abc", Xattrs: []tree.Xattr{{Name: "trusted.x", Value: noise[:n]}}})
	}
	for n := 10; n < 30; n++ { // directories around one block
		b.Dir(fmt.Sprintf("d%d", n))
		for i := range n {
			b.File(fmt.Sprintf("d%d/%02d%s", n, i, strings.Repeat("n", 198)), "")
		}
	}
	want, packs := b.Tree()
	got := build(t, job{builder: "erofs", tree: want, packs: packs})
	sameAsTree(t, got.image, want, fstree.Options{})
}

// noise32 is a name of n bytes without NUL.
func noise32(n int) string { return strings.Repeat("0123456789abcdef/", n/17+1)[:n] }

// TestErofsOptions: what names an image, and what is refused.
func TestErofsOptions(t *testing.T) {
	b := newTree(t)
	small(b)
	want, packs := b.Tree()
	const uuid = "00112233-4455-6677-8899-aabbccddeeff"
	got := build(t, job{builder: "erofs", tree: want, packs: packs, options: sdk.Options{"uuid": uuid, "label": "sixteen bytes ok"}})
	if out := need.Run(t, "blkid", "-p", "-o", "export", got.image); !strings.Contains(out, "UUID="+uuid) || !strings.Contains(out, `LABEL=sixteen\ bytes\ ok`) {
		t.Errorf("blkid says\n%s", out)
	}
	for option, value := range map[string]string{"uuid": "x", "label": "seventeen is more"} {
		if _, err := run(t.Context(), job{builder: "erofs", dir: t.TempDir(), tree: want, packs: packs, options: sdk.Options{option: value}}); !errors.Is(err, sdk.ErrOption) {
			t.Errorf("%s=%s: %v", option, value, err)
		}
	}
}
