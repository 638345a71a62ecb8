package buildtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"banger/internal/ext4test"
	"banger/internal/fstree"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk"
	"banger/sdk/tree"
)

// exact are the builders that keep all that ext4 can hold, with the options
// for an image that holds nothing else. native are those of them that need no
// tools.
var (
	exact  = map[string]sdk.Options{"debugfs": nil, "ext4": {"lost-found": "false"}, "erofs": nil}
	native = []string{"ext4", "erofs"}
)

func TestNothingLost(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name, options := range exact {
		t.Run(name, func(t *testing.T) {
			got := build(t, job{builder: name, tree: want, packs: packs, options: options})
			if len(got.losses) > 0 {
				t.Errorf("losses:\n%s", lossLines(got.losses))
			}
			sameAsTree(t, got.image, want, fstree.Options{})
		})
	}
}

// forms are options and sizes for filesystems of other forms.
var forms = []struct {
	options sdk.Options
	size    sdk.SizePlan
}{
	{},
	{sdk.Options{"journal": "none"}, sdk.SizePlan{Bytes: 130 << 20}},
	{sdk.Options{"features": "^metadata_csum,^64bit,^dir_index,^resize_inode"}, sdk.SizePlan{FreePercent: 300}},
	{sdk.Options{"journal": "64M", "reserved": "5"}, sdk.SizePlan{Bytes: 5 << 30, Inodes: 100_000}},
}

// TestRandomTrees holds random trees against the kernel's view of their
// images, of all forms where the builder has them.
func TestRandomTrees(t *testing.T) {
	trees := randomTrees(t)
	for name, options := range exact {
		for seed := range 12 {
			t.Run(name+" "+strconv.Itoa(seed), func(t *testing.T) {
				in := trees.Example(seed)
				j := job{builder: name, tree: in.want, packs: in.packs, options: maps.Clone(options)}
				if form := forms[seed%len(forms)]; name == "ext4" {
					maps.Copy(j.options, form.options)
					j.size = form.size
				}
				got := build(t, j)
				if len(got.losses) > 0 {
					t.Errorf("losses:\n%s", lossLines(got.losses))
				}
				sameAsTree(t, got.image, in.want, linuxModes())
			})
		}
	}
}

// input is a tree with its contents.
type input struct {
	want  *tree.Tree
	packs *treetest.Packs
}

// randomTrees draws what a Linux filesystem can hold, for the kernel to look at.
func randomTrees(t *testing.T) *rapid.Generator[input] {
	t.Helper()
	need.Root(t)
	dir := t.TempDir()
	return rapid.Custom(func(rt *rapid.T) input {
		want, packs := treetest.Draw(rt, dir, treetest.Limits{Kernel: true})
		return input{want, packs}
	})
}

// linuxModes leaves out the mode of symlinks, which Linux does not have.
func linuxModes() fstree.Options {
	return fstree.Options{Edit: func(r *fstree.Record) {
		if r.Type == tree.Symlink {
			r.Mode = 0
		}
	}}
}

// TestE2fsTellsItsLosses checks that what is not told as a loss is in the
// image, and that what is told is as told.
func TestE2fsTellsItsLosses(t *testing.T) {
	b := newTree(t)
	everything(b)
	want, packs := b.Tree()
	for name, make := range map[string]func(*testing.T) built{
		"root":   func(t *testing.T) built { return build(t, job{builder: "e2fs", tree: want, packs: packs}) },
		"nobody": func(t *testing.T) built { return buildAsNobody(t, "e2fs", 0o077, want, packs) },
	} {
		t.Run(name, func(t *testing.T) {
			need.Root(t)
			got := make(t)
			checkLosses(t, want, got)
			fields := fieldsOf(got.losses)
			for _, f := range []string{"mtime", "links", "owner"} {
				if fields[f] == 0 {
					t.Errorf("no loss of %s in %v", f, fields)
				}
			}
			if name == "root" && len(fields) > 3 {
				t.Errorf("root loses %v", fields)
			}
			if name == "nobody" && (fields["type"] == 0 || fields["mode"] == 0 || fields["xattr:security.capability"] == 0) {
				t.Errorf("nobody loses only %v", fields)
			}
			if why := reasons(got.losses); slices.Contains(why, "") || slices.Contains(why, "mkfs.ext4 does not keep it") {
				t.Errorf("a loss without a reason:\n%s", lossLines(got.losses))
			}
		})
	}
}

func fieldsOf(losses []sdk.Loss) map[string]int {
	fields := make(map[string]int)
	for _, l := range losses {
		fields[l.Field]++
	}
	return fields
}

func reasons(losses []sdk.Loss) []string {
	var why []string
	for _, l := range losses {
		why = append(why, l.Why)
	}
	slices.Sort(why)
	return slices.Compact(why)
}

// checkLosses compares the kernel's view of the image with the tree less the
// losses.
func checkLosses(t *testing.T, want *tree.Tree, b built) {
	t.Helper()
	o := fstree.Options{Skip: []string{"lost+found"}}
	there, err := fstree.List(t.Context(), ext4test.Mount(t, b.image), o)
	if err != nil {
		t.Fatal(err)
	}
	wanted := fstree.FromTree(want, o)
	for _, l := range b.losses {
		w, g := record(wanted, l.Path), record(there, l.Path)
		if w == nil || (g == nil) != (l.Field == "type") {
			t.Errorf("loss %v of what is not there", l)
			continue
		}
		if l.Field == "type" {
			wanted = slices.DeleteFunc(wanted, func(r fstree.Record) bool { return r.Path == l.Path })
			continue
		}
		if got := text(g, l.Field); got != l.Got {
			t.Errorf("loss %v: there is %q", l, got)
		}
		for _, list := range [][]fstree.Record{wanted, there} {
			forgetAll(list, l.Path, l.Field)
		}
	}
	dropLonelyLinks(wanted)
	dropLonelyLinks(there)
	for _, line := range fstree.Diff(wanted, there, 20) {
		t.Errorf("not told: %s", line)
	}
}

func record(list []fstree.Record, path string) *fstree.Record {
	if i, ok := slices.BinarySearchFunc(list, path, func(r fstree.Record, p string) int { return strings.Compare(r.Path, p) }); ok {
		return &list[i]
	}
	return nil
}

// text is a field as losses show it.
func text(r *fstree.Record, field string) string {
	switch field {
	case "owner":
		return fmt.Sprintf("%d:%d", r.UID, r.GID)
	case "mode":
		return fmt.Sprintf("%04o", r.Mode)
	case "mtime":
		return r.MTime.Time().Format(time.RFC3339Nano)
	case "links":
		return "an inode of its own"
	case "device":
		return fmt.Sprintf("%d:%d", r.Major, r.Minor)
	}
	for _, x := range r.Xattrs {
		if "xattr:"+x.Name == field {
			return x.Value
		}
	}
	return ""
}

// forgetAll forgets a field of an inode in all its names.
func forgetAll(list []fstree.Record, path, field string) {
	first := record(list, path)
	link := first.Link
	forget(first, field)
	for i := range list {
		if r := &list[i]; link != "" && r.Link == link && field != "links" {
			forget(r, field)
		}
	}
}

// forget makes a field the same in all records.
func forget(r *fstree.Record, field string) {
	switch field {
	case "owner":
		r.UID, r.GID = 0, 0
	case "mode":
		r.Mode = 0
	case "mtime":
		r.MTime = tree.Time{}
	case "links":
		r.Link = ""
	case "device":
		r.Major, r.Minor = 0, 0
	}
	r.Xattrs = slices.DeleteFunc(slices.Clone(r.Xattrs), func(x tree.Xattr) bool { return "xattr:"+x.Name == field })
}

// dropLonelyLinks forgets the link of what has no other name left.
func dropLonelyLinks(list []fstree.Record) {
	names := make(map[string]int)
	for _, r := range list {
		names[r.Link]++
	}
	for i := range list {
		if names[list[i].Link] < 2 {
			list[i].Link = ""
		}
	}
}

// TestLosses is what ext4 cannot hold.
func TestLosses(t *testing.T) {
	b := newTree(t)
	times := []int64{-1<<31 - 1, -1 << 40, beforeHole + 1, afterHole - 1, lastTime + 1, 1 << 50}
	for i, s := range times {
		b.Content(tree.Entry{Path: fmt.Sprintf("t%d", i), Mode: 0o644, MTime: tree.Time{Sec: s}}, "x")
	}
	b.Add(tree.Entry{Path: "c", Type: tree.CharDevice, DevMajor: 4096, DevMinor: 1})
	b.Add(tree.Entry{Path: "b", Type: tree.BlockDevice, DevMajor: 1, DevMinor: 1 << 20})
	b.Content(tree.Entry{Path: "x", Mode: 0o644, Xattrs: []tree.Xattr{
		{Name: "foo.bar", Value: "1"},
		{Name: "system.posix_acl_access", Value: "not one"},
		{Name: "system.posix_acl_default", Value: acl},
		{Name: "user.", Value: "2"},
		{Name: "user.big", Value: strings.Repeat("b", 5000)},
		{Name: "user.kept", Value: "3"},
		{Name: "user.line\nbreak", Value: "4"},
		{Name: "user.same", Value: strings.Repeat("s", 4000)},
		{Name: "user.too", Value: strings.Repeat("t", 300)},
	}}, "x")
	b.Add(tree.Entry{Path: "l", Type: tree.Symlink, Mode: 0o777, Target: "x", Xattrs: []tree.Xattr{{Name: "user.l", Value: "5"}}})
	want, packs := b.Tree()
	for name, also := range map[string]string{"debugfs": "x xattr:user.line\nbreak|", "ext4": ""} {
		got := build(t, job{builder: name, tree: want, packs: packs})
		var fields []string
		for _, l := range got.losses {
			fields = append(fields, l.Path+" "+l.Field)
			if l.Why == "" {
				t.Errorf("%v has no reason", l)
			}
		}
		slices.Sort(fields)
		if diff := strings.Join(fields, "|"); diff != "b device|c device|l xattr:user.l|t0 mtime|t1 mtime|t2 mtime|t3 mtime|t4 mtime|t5 mtime|"+
			"x xattr:foo.bar|x xattr:system.posix_acl_access|x xattr:system.posix_acl_default|x xattr:user.|x xattr:user.big|"+also+"x xattr:user.too" {
			t.Errorf("%s: losses:\n%s", name, lossLines(got.losses))
		}
		if name == "ext4" {
			checkLosses(t, want, got)
		}
	}
}

// TestLostFound: a tree's own /lost+found has its attributes and contents;
// one that is no directory is refused by mkfs.ext4.
func TestLostFound(t *testing.T) {
	for name := range builders {
		t.Run(name, func(t *testing.T) {
			b := newTree(t)
			b.Add(tree.Entry{Path: "lost+found", Type: tree.Directory, Mode: 0o711, UID: 5, GID: 6})
			b.File("lost+found/x", "x")
			b.Add(tree.Entry{Path: "lost+found/null", Type: tree.CharDevice, Mode: 0o600, DevMajor: 1, DevMinor: 3})
			want, packs := b.Tree()
			got := build(t, job{builder: name, tree: want, packs: packs})
			sameAsTree(t, got.image, want, fstree.Options{})

			c := newTree(t)
			c.File("lost+found", "a file")
			want, packs = c.Tree()
			if name == "ext4" {
				sameAsTree(t, build(t, job{builder: name, tree: want, packs: packs}).image, want, fstree.Options{})
			} else if _, err := run(t.Context(), job{builder: name, dir: t.TempDir(), tree: want, packs: packs}); err == nil || !strings.Contains(err.Error(), "/lost+found is a file") {
				t.Errorf("got %v", err)
			}
		})
	}
}
