package fstree_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/fstree"
	"banger/internal/need"
	"banger/sdk/tree"
)

// must stops the test at the first error.
func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, dir string, o fstree.Options) []fstree.Record {
	t.Helper()
	l, err := fstree.List(t.Context(), dir, o)
	must(t, err)
	return l
}

// everything makes one of each in a directory, and is the tree that says the
// same. It needs root.
func everything(t *testing.T) (string, *tree.Tree) {
	t.Helper()
	need.Root(t)
	dir := t.TempDir()
	at := func(p string) string { return filepath.Join(dir, p) }
	must(
		t,
		os.Mkdir(at("d"), 0o755),
		os.WriteFile(at("d/\xff\n"), []byte("raw"), 0o600),
		os.WriteFile(at("closed"), nil, 0o600),
		os.Symlink("no/where", at("s")),
		unix.Mkfifo(at("p"), 0o600),
		unix.Mknod(at("c"), unix.S_IFCHR|0o600, int(unix.Mkdev(511, 70000))),
		unix.Mknod(at("b"), unix.S_IFBLK|0o600, int(unix.Mkdev(8, 1))),
		os.Link(at("d/\xff\n"), at("a")),
		os.Link(at("d/\xff\n"), at("z")),
		os.Link(at("s"), at("s2")),
		os.Truncate(at("closed"), 100_000),
		os.Lchown(at("s"), 1, 2),
		os.Lchown(at("a"), 1<<32-2, 7),
		os.Chmod(at("a"), 0o4755|os.ModeSetuid),
		os.Chmod(at("closed"), 0),
		unix.Setxattr(at("a"), "user.v", []byte("\x00v"), 0),
		unix.Setxattr(at("a"), "user.a", nil, 0),
		unix.Lsetxattr(at("s"), "trusted.t", []byte("t"), 0),
	)
	mtime := func(i int) tree.Time {
		return tree.Time{Sec: int64(5_000_000_000 - 3_000_000_000*(i%3)), Nsec: uint32(123_456_789 + i)}
	}
	for i, p := range []string{"", "a", "b", "c", "closed", "p", "s", "d"} {
		ts := mtime(i)
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(p), []unix.Timespec{{}, {Sec: ts.Sec, Nsec: int64(ts.Nsec)}}, unix.AT_SYMLINK_NOFOLLOW))
	}
	must(t, os.Chmod(dir, 0o700))
	return dir, &tree.Tree{Entries: []tree.Entry{
		{Type: tree.Directory, Mode: 0o700, MTime: mtime(0)},
		{
			Path: "a", Type: tree.Regular, Mode: 0o4755, UID: 1<<32 - 2, GID: 7, MTime: mtime(1), Links: 3, Size: 3, SHA256: sha256.Sum256([]byte("raw")),
			Xattrs: []tree.Xattr{{Name: "user.a"}, {Name: "user.v", Value: "\x00v"}},
		},
		{Path: "b", Type: tree.BlockDevice, Mode: 0o600, MTime: mtime(2), DevMajor: 8, DevMinor: 1},
		{Path: "c", Type: tree.CharDevice, Mode: 0o600, MTime: mtime(3), DevMajor: 511, DevMinor: 70000},
		{Path: "closed", Type: tree.Regular, MTime: mtime(4), Size: 100_000, SHA256: sha256.Sum256(make([]byte, 100_000))},
		{Path: "d", Type: tree.Directory, Mode: 0o755, MTime: mtime(7)},
		{Path: "d/\xff\n", Type: tree.Hardlink, Target: "a"},
		{Path: "p", Type: tree.Fifo, Mode: 0o600, MTime: mtime(5)},
		{Path: "s", Type: tree.Symlink, Mode: 0o777, UID: 1, GID: 2, MTime: mtime(6), Links: 2, Target: "no/where", Xattrs: []tree.Xattr{{Name: "trusted.t", Value: "t"}}},
		{Path: "s2", Type: tree.Hardlink, Target: "s"},
		{Path: "z", Type: tree.Hardlink, Target: "a"},
	}}
}

func TestDirectoryAndTreeListAlike(t *testing.T) {
	dir, tr := everything(t)
	must(t, tr.Validate())
	want, got := fstree.FromTree(tr, fstree.Options{}), list(t, dir, fstree.Options{SkipXattr: fstree.HostXattr})
	for _, line := range fstree.Diff(want, got, 50) {
		t.Error(line)
	}
	if len(got) != len(tr.Entries) {
		t.Errorf("%d records of %d", len(got), len(tr.Entries))
	}
}

// TestEachFieldCounts changes one field of a tree after the other and wants
// one line for it.
func TestEachFieldCounts(t *testing.T) {
	dir, tr := everything(t)
	got := list(t, dir, fstree.Options{SkipXattr: fstree.HostXattr})
	for name, change := range map[string]func(e []tree.Entry){
		`"": mode: want 0755, got 0700`:                        func(e []tree.Entry) { e[0].Mode = 0o755 },
		`"b": owner: want [9 0], got [0 0]`:                    func(e []tree.Entry) { e[2].UID = 9 },
		`"c": owner: want [0 9], got [0 0]`:                    func(e []tree.Entry) { e[3].GID = 9 },
		`"d": mtime: want {1 2}`:                               func(e []tree.Entry) { e[5].MTime = tree.Time{Sec: 1, Nsec: 2} },
		`"c": device: want [511 1], got [511 70000]`:           func(e []tree.Entry) { e[3].DevMinor = 1 },
		`"closed": size: want 1, got 100000`:                   func(e []tree.Entry) { e[4].Size = 1 },
		`"closed": sha256: want 0000000000`:                    func(e []tree.Entry) { e[4].SHA256 = [32]byte{} },
		`"p": want a directory, got a fifo`:                    func(e []tree.Entry) { e[7].Type = tree.Directory },
		`"b": xattr "user.b": missing, want "x"`:               func(e []tree.Entry) { e[2].Xattrs = []tree.Xattr{{Name: "user.b", Value: "x"}} },
		`"q": missing, want a fifo`:                            func(e []tree.Entry) { e[10] = tree.Entry{Path: "q", Type: tree.Fifo} },
		`"z": a file that should not be there`:                 func(e []tree.Entry) { e[10] = tree.Entry{Path: "s3", Type: tree.Fifo} },
		`"s2": target: want "other", got "no/where"`:           func(e []tree.Entry) { e[8].Target = "other" },
		`"s2": hardlink of: want "", got "s"`:                  func(e []tree.Entry) { e[8].Links = 1; e[9] = e[8]; e[9].Path = "s2" },
		`"s": xattr "trusted.t": should not be there, got "t"`: func(e []tree.Entry) { e[8].Xattrs = nil },
		`"z": xattr "user.v": want "w", got "\x00v"`:           func(e []tree.Entry) { e[1].Xattrs = []tree.Xattr{{Name: "user.a"}, {Name: "user.v", Value: "w"}} },
	} {
		t.Run(name, func(t *testing.T) {
			changed := &tree.Tree{Entries: slices.Clone(tr.Entries)}
			change(changed.Entries)
			lines := fstree.Diff(fstree.FromTree(changed, fstree.Options{}), got, 50)
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, name) }) {
				t.Errorf("got %q", lines)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	dir, tr := everything(t)
	plain := fstree.Record{Path: "a", Type: tree.Regular, Size: 3}
	for name, o := range map[string]fstree.Options{
		"fields": {
			Skip:   []string{"b", "d", "s", "nothing"},
			Ignore: fstree.Mode | fstree.Owner | fstree.MTime | fstree.Xattrs | fstree.Content | fstree.Links,
		},
		"xattrs and edit": {
			Skip:      []string{"b", "d", "s", "nothing"},
			SkipXattr: func(string) bool { return true },
			Edit: func(r *fstree.Record) {
				*r = fstree.Record{Path: r.Path, Type: r.Type, Size: r.Size, Xattrs: r.Xattrs}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, l := range [][]fstree.Record{list(t, dir, o), fstree.FromTree(tr, o)} {
				var paths []string
				for _, r := range l {
					paths = append(paths, r.Path)
				}
				if want := []string{"", "a", "c", "closed", "p", "s2", "z"}; !slices.Equal(paths, want) {
					t.Errorf("got paths %q", paths)
				}
				if diff := fstree.Diff([]fstree.Record{plain}, l[1:2], 9); diff != nil {
					t.Error(diff)
				}
			}
		})
	}
}

// TestSkippedNamesAreNoLinks wants groups of what is listed only.
func TestSkippedNamesAreNoLinks(t *testing.T) {
	dir, tr := everything(t)
	for skip, want := range map[string]string{"a": "d/\xff\n", "d": "a", "z": "a"} {
		o := fstree.Options{Skip: []string{skip}, SkipXattr: fstree.HostXattr, Ignore: fstree.MTime}
		got := list(t, dir, o)
		if diff := fstree.Diff(fstree.FromTree(tr, o), got, 20); diff != nil {
			t.Error(diff)
		}
		for _, r := range got {
			if r.Size == 3 && r.Link != want {
				t.Errorf("without %s, %q is a link of %q", skip, r.Path, r.Link)
			}
		}
	}
}

func TestHostXattr(t *testing.T) {
	for name, want := range map[string]bool{
		"security.selinux": true, "trusted.overlay.opaque": true, "user.overlay.whiteout": true,
		"security.capability": false, "trusted.overlayx": false, "user.x": false, "system.posix_acl_access": false,
	} {
		if fstree.HostXattr(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestDiffHasALimit(t *testing.T) {
	var want []fstree.Record
	for i := range 10 {
		want = append(want, fstree.Record{Path: fmt.Sprint(i), Type: tree.Fifo})
	}
	got := fstree.Diff(want, nil, 3)
	if len(got) != 4 || got[3] != "... and 7 differences more" {
		t.Errorf("got %q", got)
	}
	if got := fstree.Diff(want, want, 0); got != nil {
		t.Errorf("got %q", got)
	}
}

// TestDeepAndHuge lists a directory whose paths are longer than the kernel
// takes, and one with many names.
func TestDeepAndHuge(t *testing.T) {
	dir := t.TempDir()
	name := strings.Repeat("n", 250)
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	for range 30 {
		must(t, unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		must(t, err, unix.Close(fd))
		fd = next
	}
	for i := range 10_000 {
		f, err := unix.Openat(fd, fmt.Sprintf("f%d", i), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		must(t, err, unix.Close(f))
	}
	must(t, unix.Close(fd))
	got := list(t, dir, fstree.Options{})
	if len(got) != 1+30+10_000 || len(got[31].Path) != 30*251+2 {
		t.Errorf("%d records", len(got))
	}
}

func TestErrors(t *testing.T) {
	if _, err := fstree.List(t.Context(), filepath.Join(t.TempDir(), "none"), fstree.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o600))
	if _, err := fstree.List(ctx, dir, fstree.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	socket := t.TempDir()
	must(t, unix.Mknod(filepath.Join(socket, "s"), unix.S_IFSOCK|0o600, 0))
	if _, err := fstree.List(t.Context(), socket, fstree.Options{}); err == nil || !strings.Contains(err.Error(), `"s": file type`) {
		t.Errorf("got error %v", err)
	}
}
