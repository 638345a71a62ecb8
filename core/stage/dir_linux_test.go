package stage_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"banger/core/stage"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// target makes a directory to stage in, removed by the code under test.
func target(t testing.TB, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "staged-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func remove(t testing.TB, dir string) {
	t.Helper()
	if err := stage.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is still there: %v", dir, err)
	}
}

func TestFaithfulAsRoot(t *testing.T) {
	need.Root(t)
	packs := t.TempDir()
	parent := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, p := treetest.Draw(rt, packs, treetest.Limits{Kernel: true})
		dir := target(t, parent)
		losses, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingFaithful, nil)
		if err != nil {
			rt.Fatal(err)
		}
		if len(losses) > 0 {
			rt.Fatalf("losses: %v", losses)
		}
		if d := unaccounted(t, tr, dir, nil); d != nil {
			rt.Fatal(strings.Join(d, "\n"))
		}
		remove(t, dir)
	})
}

func TestFaithfulAsNobody(t *testing.T) {
	need.Root(t) // reads what nobody made
	other, home := nobody(t)
	packs := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, p := treetest.Draw(rt, packs, treetest.Limits{Kernel: true})
		treePath, packPath, err := save(home, tr, p)
		if err != nil {
			rt.Fatal(err)
		}
		dir := ownedDir(t, home)
		umask := rapid.SampledFrom([]int{0, 0o22, 0o77, 0o777}).Draw(rt, "umask")
		r, err := other.do(job{Stage: dir, Tree: treePath, Pack: packPath, How: sdk.StagingFaithful, Umask: umask})
		if err != nil {
			rt.Fatal(err)
		}
		if d := unaccounted(t, tr, dir, r.Losses); d != nil {
			rt.Fatal(strings.Join(d, "\n"))
		}
		checkReadable(t, rt, dir)
		if i := slices.IndexFunc(r.Losses, func(l sdk.Loss) bool { return strings.HasPrefix(l.Field, "xattr:user.") }); i >= 0 {
			rt.Fatalf("lost without need: %v", r.Losses[i])
		}
		if _, err := other.do(job{Remove: dir}); err != nil {
			rt.Fatal(err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			rt.Fatalf("%s is still there: %v", dir, err)
		}
	})
}

// ownedDir makes a directory to stage in that belongs to nobody.
func ownedDir(t testing.TB, home string) string {
	t.Helper()
	dir := target(t, home)
	if err := os.Chown(dir, need.Nobody, need.Nobody); err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkReadable checks that whoever owns the staged files can read them.
func checkReadable(t testing.TB, rt *rapid.T, dir string) {
	list, err := fstree.List(t.Context(), dir, fstree.Options{})
	if err != nil {
		rt.Fatal(err)
	}
	for _, r := range list {
		if r.Type == tree.Regular && r.Mode&0o400 == 0 || r.Type == tree.Directory && r.Mode&0o500 != 0o500 {
			rt.Fatalf("%q has mode %#o", r.Path, r.Mode)
		}
	}
}

// TestPlainIsTheSameForAll stages as root and as nobody, with umasks that
// take away everything and nothing.
func TestPlainIsTheSameForAll(t *testing.T) {
	need.Root(t)
	other, home := nobody(t)
	packs, parent := t.TempDir(), t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, p := treetest.Draw(rt, packs, treetest.Limits{Kernel: true})
		treePath, packPath, err := save(home, tr, p)
		if err != nil {
			rt.Fatal(err)
		}
		mine, theirs := target(t, parent), ownedDir(t, home)
		if losses, err := stage.Dir(t.Context(), tr, p, mine, sdk.StagingPlain, nil); err != nil || len(losses) > 0 {
			rt.Fatalf("losses %v, error %v", losses, err)
		}
		r, err := other.do(job{Stage: theirs, Tree: treePath, Pack: packPath, How: sdk.StagingPlain, Umask: 0o777})
		if err != nil || len(r.Losses) > 0 {
			rt.Fatalf("losses %v, error %v", r.Losses, err)
		}
		for _, side := range []struct {
			dir string
			id  uint32
		}{{mine, 0}, {theirs, need.Nobody}} {
			if d := fstree.Diff(plainRecords(tr, side.id), list(t, side.dir), 20); d != nil {
				rt.Fatal(strings.Join(d, "\n"))
			}
			remove(t, side.dir)
		}
	})
}

// plainRecords is what plain staging by the user id promises.
func plainRecords(tr *tree.Tree, id uint32) []fstree.Record {
	records := fstree.FromTree(tr, fstree.Options{Edit: func(r *fstree.Record) {
		r.UID, r.GID, r.Xattrs = id, id, nil
		switch r.Type {
		case tree.Directory:
			r.Mode = 0o700
		case tree.Symlink:
			r.Mode = 0o777
		default:
			r.Mode = 0o600
		}
	}})
	return slices.DeleteFunc(records, func(r fstree.Record) bool {
		return r.Type == tree.CharDevice || r.Type == tree.BlockDevice
	})
}

func list(t testing.TB, dir string) []fstree.Record {
	t.Helper()
	records, err := fstree.List(t.Context(), dir, fstree.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// TestHostHandsNothingDown stages below a directory that would pass on a
// group, ACLs and xattrs.
func TestHostHandsNothingDown(t *testing.T) {
	need.Root(t)
	setfacl := need.Tool(t, "setfacl", "acl")
	b := treetest.New(t.TempDir())
	b.Dir("d")
	b.File("d/f", "content")
	b.Add(tree.Entry{Path: "p", Type: tree.Fifo, Mode: 0o622})
	tr, p := b.Tree()
	for _, how := range []sdk.Staging{sdk.StagingFaithful, sdk.StagingPlain} {
		parent := t.TempDir()
		if out, err := exec.CommandContext(t.Context(), setfacl, "-m", "d:u:1234:rwx,d:g::rwx,d:o::rwx", parent).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := errors.Join(os.Chown(parent, 0, 1234), os.Chmod(parent, 0o2755|os.ModeSetgid)); err != nil {
			t.Fatal(err)
		}
		dir := target(t, parent)
		if err := unix.Setxattr(dir, "user.host", []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		losses, err := stage.Dir(t.Context(), tr, p, dir, how, nil)
		if err != nil || len(losses) > 0 {
			t.Fatalf("losses %v, error %v", losses, err)
		}
		want := fstree.FromTree(tr, fstree.Options{})
		if how == sdk.StagingPlain {
			want = plainRecords(tr, 0)
		}
		if d := fstree.Diff(want, list(t, dir), 20); d != nil {
			t.Error(strings.Join(d, "\n"))
		}
	}
}

// TestNobodysLosses spells out what one tree of everything loses.
func TestNobodysLosses(t *testing.T) {
	need.Root(t)
	other, home := nobody(t)
	b := treetest.New(t.TempDir())
	b.Add(tree.Entry{Type: tree.Directory, Mode: 0o755, UID: need.Nobody, GID: need.Nobody})
	mine := func(path string, typ tree.Type, mode uint32) tree.Entry {
		return tree.Entry{Path: path, Type: typ, Mode: mode, UID: need.Nobody, GID: need.Nobody}
	}
	b.Content(mine("closed", 0, 0), "x")
	b.Content(mine("write-only", 0, 0o4200), "x")
	b.Add(mine("dir", tree.Directory, 0o1044))
	other1 := mine("dir/root's", 0, 0o4755)
	other1.UID, other1.GID = 0, 12
	b.Content(other1, "x")
	null := mine("null", tree.CharDevice, 0o666)
	null.DevMajor, null.DevMinor = 1, 3
	b.Add(null)
	b.Link("null2", "null")
	caps := mine("ping", 0, 0o755)
	caps.Xattrs = []tree.Xattr{
		{Name: "security.capability", Value: "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{Name: "trusted.t", Value: "t"},
		{Name: "user.u", Value: "u"},
	}
	b.Content(caps, "x")
	link := mine("symlink", tree.Symlink, 0o777)
	link.Xattrs = []tree.Xattr{{Name: "trusted.t", Value: "t"}}
	link.Target = "nowhere"
	b.Add(link)
	tr, p := b.Tree()
	treePath, packPath, err := save(home, tr, p)
	if err != nil {
		t.Fatal(err)
	}
	dir := ownedDir(t, home)
	r, err := other.do(job{Stage: dir, Tree: treePath, Pack: packPath, How: sdk.StagingFaithful, Umask: 0o77})
	if err != nil {
		t.Fatal(err)
	}
	const unreadable, noRoot, refused = "the builder must be able to read it", "changing owners takes root", "operation not permitted"
	want := []sdk.Loss{
		{Path: "closed", Field: "mode", Wanted: "0000", Got: "0400", Why: unreadable},
		{Path: "dir", Field: "mode", Wanted: "1044", Got: "1544", Why: unreadable},
		{Path: "dir/root's", Field: "owner", Wanted: "0:12", Got: "65534:65534", Why: noRoot},
		{Path: "null", Field: "type", Wanted: "character device 1:3", Why: refused},
		{Path: "null2", Field: "type", Wanted: "character device 1:3", Why: refused},
		{Path: "ping", Field: "xattr:security.capability", Wanted: caps.Xattrs[0].Value, Why: refused},
		{Path: "ping", Field: "xattr:trusted.t", Wanted: "t", Why: refused},
		{Path: "symlink", Field: "xattr:trusted.t", Wanted: "t", Why: refused},
		{Path: "write-only", Field: "mode", Wanted: "4200", Got: "4600", Why: unreadable},
	}
	if d := cmp.Diff(want, r.Losses); d != "" {
		t.Error(d)
	}
	if d := unaccounted(t, tr, dir, r.Losses); d != nil {
		t.Error(strings.Join(d, "\n"))
	}
}

// TestACL has an ACL and a mode that agree and ones that do not.
func TestACL(t *testing.T) {
	need.Root(t)
	// user::rw-, user:1234:rwx, group::r--, mask::rwx, other::r--
	acl := "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x07\x00\xd2\x04\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff" +
		"\x10\x00\x07\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff"
	b := treetest.New(t.TempDir())
	xattrs := []tree.Xattr{{Name: "system.posix_acl_access", Value: acl}}
	b.Content(tree.Entry{Path: "agree", Mode: 0o674, Xattrs: xattrs}, "x")
	b.Content(tree.Entry{Path: "differ", Mode: 0o644, Xattrs: xattrs}, "x")
	b.Add(tree.Entry{Path: "dir", Type: tree.Directory, Mode: 0o2775, Xattrs: []tree.Xattr{{Name: "system.posix_acl_default", Value: acl}}})
	b.File("dir/no-heir", "x")
	tr, p := b.Tree()
	dir := target(t, t.TempDir())
	losses, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingFaithful, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(losses) != 1 || losses[0].Path != "differ" || losses[0].Field != "xattr:system.posix_acl_access" {
		t.Errorf("losses: %v", losses)
	}
	if d := unaccounted(t, tr, dir, losses); d != nil {
		t.Error(strings.Join(d, "\n"))
	}
}

// TestSparse checks that holes stay holes, whoever copies.
// TestTimesOutOfRange: XFS holds times from 1901 to 2486 and makes the nearest
// of others.
func TestTimesOutOfRange(t *testing.T) {
	parent := need.XFS(t)
	b := treetest.New(t.TempDir())
	b.Add(tree.Entry{Type: tree.Directory, Mode: 0o755, MTime: tree.Time{Sec: 32503680000}})   // in 3000
	b.Content(tree.Entry{Path: "early", Mode: 0o644, MTime: tree.Time{Sec: -5364662400}}, "x") // in 1800
	b.Content(tree.Entry{Path: "kept", Mode: 0o644, MTime: tree.Time{Sec: 2208988800, Nsec: 1}}, "x")
	b.Add(tree.Entry{Path: "late", Type: tree.Symlink, Target: "x", Mode: 0o777, MTime: tree.Time{Sec: 32503680000, Nsec: 5}})
	tr, p := b.Tree()
	dir := target(t, parent)
	losses, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingFaithful, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lost []string
	for _, l := range losses {
		lost = append(lost, l.Path+" "+l.Field+" "+l.Wanted)
	}
	if diff := cmp.Diff([]string{" mtime 3000-01-01T00:00:00Z", "early mtime 1800-01-01T00:00:00Z", "late mtime 3000-01-01T00:00:00.000000005Z"}, lost); diff != "" {
		t.Error(diff)
	}
	if d := unaccounted(t, tr, dir, losses); d != nil {
		t.Error(strings.Join(d, "\n"))
	}
	remove(t, dir)
}

func TestSparse(t *testing.T) {
	b := treetest.New(t.TempDir())
	data := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	b.Sparse(tree.Entry{Path: "large", Mode: 0o644}, 1<<27, treetest.Piece{Offset: 4096, Data: data}, treetest.Piece{Offset: 1 << 26, Data: data})
	b.Sparse(tree.Entry{Path: "small", Mode: 0o644}, 1<<26, treetest.Piece{Offset: 1 << 25, Data: "x"})
	b.Sparse(tree.Entry{Path: "hole", Mode: 0o644}, 1<<26)
	tr, p := b.Tree()
	dir := target(t, t.TempDir())
	if _, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingPlain, nil); err != nil {
		t.Fatal(err)
	}
	for name, most := range map[string]int64{"large": 3 << 20, "small": 64 << 10, "hole": 0} {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, name), &st); err != nil {
			t.Fatal(err)
		}
		if st.Size != tr.Lookup(name).Size || st.Blocks*512 > most {
			t.Errorf("%s: %d bytes in %d", name, st.Size, st.Blocks*512)
		}
		f, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || sha256.Sum256(f) != tr.Lookup(name).SHA256 {
			t.Errorf("%s: wrong content, error %v", name, err)
		}
	}
}

// TestLongPaths stages what no path can name.
func TestLongPaths(t *testing.T) {
	b := treetest.New(t.TempDir())
	path := strings.Repeat("d", 255)
	for range 40 {
		b.Dir(path)
		b.File(path+"/f", "x")
		path += "/" + strings.Repeat("d", 255)
	}
	for p, n := "s", 0; n < 300; n++ { // deeper than a cursor keeps open
		b.Dir(p)
		b.File(p+"/f", "x")
		p += "/s"
	}
	b.Link("z", tree.Dir(path)+"/f")
	tr, p := b.Tree()
	dir := target(t, t.TempDir())
	if _, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingPlain, nil); err != nil {
		t.Fatal(err)
	}
	if d := fstree.Diff(plainRecords(tr, uint32(os.Geteuid())), list(t, dir), 20); d != nil {
		t.Error(strings.Join(d, "\n"))
	}
	remove(t, dir)
}

// TestFewDescriptors stages and removes a deep tree, with siblings on the way
// down, in a process that may open few files.
func TestFewDescriptors(t *testing.T) {
	b := treetest.New(t.TempDir())
	path := "d"
	for range 1000 {
		b.Dir(path)
		b.File(path+"-", "x")
		path += "/d"
	}
	tr, p := b.Tree()
	home := t.TempDir()
	treePath, packPath, err := save(home, tr, p)
	if err != nil {
		t.Fatal(err)
	}
	few := privileged(t, nil)
	dir := target(t, home)
	const files = 64 + 2*maxOpen
	for _, j := range []job{
		{Stage: dir, Tree: treePath, Pack: packPath, How: sdk.StagingFaithful, Files: files},
		{Remove: dir, Files: files},
	} {
		if _, err := few.do(j); err != nil {
			t.Fatal(err)
		}
	}
}

// maxOpen is how many directories a cursor keeps open.
const maxOpen = 64

func TestEqualContentsAreNotLinked(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.File("a", "same")
	b.File("b", "same")
	tr, p := b.Tree()
	tr.Entries[2].Extents = tr.Entries[1].Extents // as one body in the pack
	dir := target(t, t.TempDir())
	if _, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingFaithful, nil); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "a"), &st); err != nil || st.Nlink != 1 {
		t.Errorf("%d links, error %v", st.Nlink, err)
	}
}

func TestErrors(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.Dir("d")
	b.File("d/f", "content")
	b.File("d/large", strings.Repeat("l", 1<<20))
	tests := []struct {
		name   string
		change func(*tree.Tree, string) // of the tree, of the directory
		want   error
	}{
		{"wrong hash", func(tr *tree.Tree, _ string) { tr.Lookup("d/f").SHA256[3]++ }, stage.ErrContent},
		{"short pack", func(tr *tree.Tree, _ string) { tr.Lookup("d/f").Extents[0].PackOffset = 1 << 40 }, stage.ErrContent},
		{"short pack, large file", func(tr *tree.Tree, _ string) { tr.Lookup("d/large").Extents[0].PackOffset += 4096 }, stage.ErrContent},
		{"path that climbs", func(tr *tree.Tree, _ string) { tr.Entries[1].Path = ".." }, tree.ErrCorrupt},
		{"file in a file", func(tr *tree.Tree, _ string) { tr.Entries[2].Path = "d/f/g"; tr.Entries[1].Type = tree.Fifo }, tree.ErrCorrupt},
		{"link to nothing", func(tr *tree.Tree, _ string) {
			tr.Entries[2] = tree.Entry{Path: "d/f", Type: tree.Hardlink, Target: "a"}
		}, tree.ErrCorrupt},
		{"not empty", func(_ *tree.Tree, dir string) { _ = os.Mkdir(dir+"/d", 0o700) }, os.ErrExist},
		{"symlink in the way", func(_ *tree.Tree, dir string) { _ = os.Symlink(filepath.Dir(dir), dir+"/d") }, os.ErrExist},
		{"no directory", func(_ *tree.Tree, dir string) { _ = os.Remove(dir) }, os.ErrNotExist},
		{"symlink for a directory", func(_ *tree.Tree, dir string) { _ = os.Remove(dir); _ = os.Symlink(filepath.Dir(dir), dir) }, unix.ENOTDIR},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr, p := b.Tree()
			dir := target(t, t.TempDir())
			test.change(tr, dir)
			_, err := stage.Dir(t.Context(), tr, p, dir, sdk.StagingPlain, nil)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	b := treetest.New(t.TempDir())
	for _, name := range []string{"a", "b", "c"} {
		b.File(name, strings.Repeat(name, 3<<20))
	}
	tr, p := b.Tree()
	ctx, cancel := context.WithCancel(t.Context())
	dir := target(t, t.TempDir())
	_, err := stage.Dir(ctx, tr, p, dir, sdk.StagingPlain, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	remove(t, dir)
}

func TestProgress(t *testing.T) {
	b := treetest.New(t.TempDir())
	b.File("a", "small")
	b.File("b", strings.Repeat("large", 1<<20))
	tr, p := b.Tree()
	var calls, last, inside int64
	_, err := stage.Dir(t.Context(), tr, p, target(t, t.TempDir()), sdk.StagingPlain, func(done, total int64) {
		if atomic.AddInt64(&inside, 1) != 1 || done <= last || done > total || total != 5+5<<20 {
			t.Errorf("call %d: %d of %d after %d", calls, done, total, last)
		}
		calls, last = calls+1, done
		atomic.AddInt64(&inside, -1)
	})
	if err != nil || last != 5+5<<20 {
		t.Errorf("ended at %d, error %v", last, err)
	}
}
