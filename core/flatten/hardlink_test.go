package flatten_test

import (
	"fmt"
	"strings"
	"testing"

	"banger/core/flatten"
	"banger/internal/tartest"
)

func TestHardlinks(t *testing.T) { runRules(t, hardlinksRules()) }

func hardlinksRules() []ruleTest {
	return []ruleTest{
		{
			name:   "form a group, its first name in path order carries it",
			layers: [][]byte{tarOf(file("m", "M"), hardlink("z", "m"), hardlink("a", "z"))},
			want:   []string{"a=M links=3", "m => a", "z => a"},
		},
		{
			name:   "to a lower layer",
			layers: [][]byte{tarOf(file("a", "A")), tarOf(hardlink("b", "a")), tarOf(hardlink("c", "b"))},
			want:   []string{"a=A links=3", "b => a", "c => a"},
		},
		{
			name:   "to a target that comes later in the layer",
			layers: [][]byte{tarOf(hardlink("a", "z"), hardlink("b", "a"), file("z", "Z"))},
			want:   []string{"a=Z links=3", "b => a", "z => a"},
		},
		{
			name:   "to links that come later, in a row",
			layers: [][]byte{tarOf(hardlink("a", "b"), hardlink("b", "c"), hardlink("c", "d"), hardlink("e", "b"), fifo("d"))},
			want:   []string{"a| links=5", "b => a", "c => a", "d => a", "e => a"},
		},
		{
			name:   "to targets that stand there take those, not later ones",
			layers: [][]byte{tarOf(file("a", "old")), tarOf(hardlink("b", "a"), file("a", "new"))},
			want:   []string{"a=new", "b=old"},
		},
		{
			name:   "to targets whited out later in the layer",
			layers: [][]byte{tarOf(file("a", "A")), tarOf(hardlink("b", "a"), file(".wh.a", ""))},
			want:   []string{"b=A"},
		},
		{
			name:   "to targets whited out in the next layer",
			layers: [][]byte{tarOf(file("a", "A"), hardlink("b", "a"), hardlink("c", "a")), tarOf(file(".wh.a", ""))},
			want:   []string{"b=A links=2", "c => b"},
		},
		{
			name:   "of which one is overwritten leave the others with the old content",
			layers: [][]byte{tarOf(file("a", "old"), hardlink("b", "a"), hardlink("c", "a")), tarOf(file("a", "new"))},
			want:   []string{"a=new", "b=old links=2", "c => b"},
		},
		{
			name:   "of which one is overwritten in the same layer",
			layers: [][]byte{tarOf(file("a", "old"), hardlink("b", "a"), file("a", "new"), hardlink("c", "a"))},
			want:   []string{"a=new links=2", "b=old", "c => a"},
		},
		{
			name:   "whose target's directory is replaced later",
			layers: [][]byte{tarOf(file("d/a", "A")), tarOf(hardlink("b", "d/a"), file("d", "D"))},
			want:   []string{"b=A", "d=D"},
		},
		{
			name:   "in place of the directory that holds the target",
			layers: [][]byte{tarOf(file("d/a", "A")), tarOf(hardlink("d", "d/a"))},
			want:   []string{"d=A"},
		},
		{
			name:   "to absolute targets and targets with dots",
			layers: [][]byte{tarOf(file("d/a", "A"), dir("d/x/"), hardlink("b", "/d/a"), hardlink("c", "./d//./a"), hardlink("e", "d/x/../a/"))},
			want:   []string{"b=A links=4", "c => b", "d/", "d/a => b", "d/x/", "e => b"},
		},
		{
			name:   "to a target whose parent is a symlink",
			layers: [][]byte{tarOf(file("usr/lib/x", "X"), symlink("lib", "usr/lib")), tarOf(hardlink("y", "lib/x"))},
			want:   []string{"lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x=X links=2", "y => usr/lib/x"},
		},
		{
			name:   "in a directory that is a symlink",
			layers: [][]byte{tarOf(file("usr/lib/x", "X"), symlink("lib", "usr/lib")), tarOf(hardlink("lib/y", "usr/lib/x"))},
			want:   []string{"lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x=X links=2", "usr/lib/y => usr/lib/x"},
		},
		{
			name:   "to a symlink share the symlink, its target is not followed",
			layers: [][]byte{tarOf(file("f", "F"), symlink("s", "f"), hardlink("t", "s"))},
			want:   []string{"f=F", "s -> f links=2", "t => s"},
		},
		{
			name:   "to devices and fifos share them",
			layers: [][]byte{tarOf(device("c", '3', 1, 3), tartest.Entry(tartest.Header{Name: "c2", Linkname: "c", Type: '1', Mode: 0o600, MTime: tartest.MTime}, ""), fifo("p"), hardlink("p2", "p"))},
			want:   []string{"c character device 1:3 links=2", "c2 => c", "p| links=2", "p2 => p"},
		},
		{
			name:   "to a missing target",
			layers: [][]byte{tarOf(file("a", "A")), tarOf(dir("d/"), hardlink("b", "none"), file("c", "C"))},
			err:    flatten.ErrHardlink, entry: 1,
		},
		{
			name:   "to a target whited out before",
			layers: [][]byte{tarOf(file("a", "A")), tarOf(file(".wh.a", ""), hardlink("b", "a"))},
			err:    flatten.ErrHardlink, entry: 1,
		},
		{
			name:   "to a target below a file",
			layers: [][]byte{tarOf(file("a", "A"), hardlink("b", "a/x"))},
			err:    flatten.ErrHardlink, entry: 1,
		},
		{
			name:   "in a cycle",
			layers: [][]byte{tarOf(dir("d/"), hardlink("a", "b"), hardlink("b", "c"), hardlink("c", "a"))},
			err:    flatten.ErrHardlink, entry: 1,
		},
		{
			name:   "into a cycle",
			layers: [][]byte{tarOf(hardlink("x", "y"), hardlink("a", "b"), hardlink("b", "a"), hardlink("y", "z"), hardlink("z", "a"))},
			err:    flatten.ErrHardlink,
		},
		{
			name:   "to a directory",
			layers: [][]byte{base(), tarOf(hardlink("b", "d"))},
			err:    flatten.ErrHardlink,
		},
		{
			name:   "to a directory that comes later",
			layers: [][]byte{tarOf(hardlink("b", "d"), dir("d/"))},
			err:    flatten.ErrHardlink,
		},
		{
			name:   "to the root",
			layers: [][]byte{tarOf(hardlink("b", "/"))},
			err:    flatten.ErrHardlink,
		},
		{
			name:   "to a file that is their own parent",
			layers: [][]byte{tarOf(file("f", "F"), hardlink("f/x", "f"))},
			err:    flatten.ErrHardlink, entry: 1,
		},
		{
			name:   "that leave the root",
			layers: [][]byte{tarOf(file("a", "A"), hardlink("b", "../a"))},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "that leave the root, absolute",
			layers: [][]byte{tarOf(file("a", "A"), hardlink("b", "/d/../../a"))},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "that leave the root are refused with --unsafe-paths contain, too",
			layers: [][]byte{tarOf(file("a", "A"), hardlink("b", "../a"))},
			opts:   flatten.Options{Contain: true},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "whose target's parent is in a symlink loop",
			layers: [][]byte{tarOf(symlink("l", "l"), hardlink("b", "l/x"))},
			err:    flatten.ErrSymlinkLoop, entry: 1,
		},
		{
			name:   "to themselves keep the file",
			layers: [][]byte{tarOf(file("a", "A"), file("b", "B"), hardlink("c", "b")), tarOf(hardlink("a", "a"), hardlink("b", "b"), hardlink("c", "b"))},
			want:   []string{"a=A", "b=B links=2", "c => b"},
		},
		{
			name:   "to themselves that are not there",
			layers: [][]byte{tarOf(hardlink("a", "a"))},
			err:    flatten.ErrHardlink,
		},
		{
			name:   "to themselves that come later",
			layers: [][]byte{tarOf(hardlink("a", "a"), file("a", "A"))},
			want:   []string{"a=A"},
		},
		{
			name:   "to later targets, overwritten meanwhile",
			layers: [][]byte{tarOf(hardlink("a", "z"), file("a", "A"), file("z", "Z"))},
			want:   []string{"a=A", "z=Z"},
		},
		{
			name:   "to later targets, overwritten meanwhile and never there",
			layers: [][]byte{tarOf(hardlink("a", "z"), file("a", "A"))},
			err:    flatten.ErrHardlink,
		},
		{
			name:   "to later targets are no directories meanwhile",
			layers: [][]byte{tarOf(dir("a/"), hardlink("a", "z"), file("a/x", "X"), file("z", "Z"))},
			want:   []string{"a/", "a/x=X", "z=Z"},
		},
		{
			name:   "to later targets are not removed by the layer's whiteouts",
			layers: [][]byte{tarOf(file("a", "A")), tarOf(hardlink("a", "z"), file(".wh.a", ""), file("z", "Z"))},
			want:   []string{"a=Z links=2", "z => a"},
		},
		{
			name:   "in place of files, symlinks and directories",
			layers: [][]byte{tarOf(file("a", "A"), file("f", "F"), symlink("s", "a"), file("d/x", "X")), tarOf(hardlink("f", "a"), hardlink("s", "a"), hardlink("d", "a"))},
			want:   []string{"a=A links=4", "d => a", "f => a", "s => a"},
		},
	}
}

func TestHardlinkAttributes(t *testing.T) { runRules(t, hardlinkAttributesRules()) }

func hardlinkAttributesRules() []ruleTest {
	return []ruleTest{
		{
			name:   "apply to the inode",
			layers: [][]byte{tarOf(file("a", "A"), attrs("b", '1', "a", ""))},
			want:   []string{"a=A 0700 7:8 @99 links=2", "b => a"},
		},
		{
			name:   "apply to the inode of a lower layer",
			layers: [][]byte{tarOf(attrs("a", '0', "", "A")), tarOf(hardlink("b", "a"))},
			want:   []string{"a=A links=2", "b => a"},
		},
		{
			name:   "apply in the order of the entries",
			layers: [][]byte{tarOf(file("a", "A"), attrs("b", '1', "a", ""), hardlink("c", "a"))},
			want:   []string{"a=A links=3", "b => a", "c => a"},
		},
		{
			name:   "apply after those of a later target",
			layers: [][]byte{tarOf(attrs("b", '1', "x", ""), file("x", "X"))},
			want:   []string{"b=X 0700 7:8 @99 links=2", "x => b"},
		},
		{
			name:   "of several links to a later target apply in their order",
			layers: [][]byte{tarOf(hardlink("a", "b"), attrs("b", '1', "x", ""), hardlink("c", "x"), file("x", "X"))},
			want:   []string{"a=X links=4", "b => a", "c => a", "x => a"},
		},
		{
			name:   "apply even if the link's name is overwritten later",
			layers: [][]byte{tarOf(file("a", "A"), attrs("b", '1', "a", ""), file("b", "B"))},
			want:   []string{"a=A 0700 7:8 @99", "b=B"},
		},
		{
			name:   "of a link to itself apply",
			layers: [][]byte{tarOf(file("a", "A")), tarOf(attrs("a", '1', "a", ""))},
			want:   []string{"a=A 0700 7:8 @99"},
		},
		{
			name:   "leave a symlink its mode",
			layers: [][]byte{tarOf(symlink("a", "x"), attrs("b", '1', "a", ""))},
			want:   []string{"a -> x 7:8 @99 links=2", "b => a"},
		},
		{
			name: "set xattrs by name and leave the others",
			layers: [][]byte{
				tarOf(pax("SCHILY.xattr.user.a=1", "SCHILY.xattr.user.b=2"), file("a", "A")),
				tarOf(pax("SCHILY.xattr.user.b=3", "SCHILY.xattr.user.c=4"), hardlink("b", "a"), hardlink("c", "a")),
			},
			want: []string{"a=A user.a=1 user.b=3 user.c=4 links=3", "b => a", "c => a"},
		},
		{
			name:   "set xattrs through links that come later, too",
			layers: [][]byte{tarOf(pax("SCHILY.xattr.user.a=1"), hardlink("a", "b"), hardlink("b", "c"), hardlink("c", "d"), file("d", "D"))},
			want:   []string{"a=D user.a=1 links=4", "b => a", "c => a", "d => a"},
		},
		{
			name: "of a group that was split apply to one part",
			layers: [][]byte{
				tarOf(file("a", "A"), hardlink("b", "a")),
				tarOf(file("a", "new"), attrs("c", '1', "b", "")),
			},
			want: []string{"a=new", "b=A 0700 7:8 @99 links=2", "c => b"},
		},
	}
}

// TestLongLinkChain follows links that each come before their target.
func TestLongLinkChain(t *testing.T) {
	const n = 20_000
	parts := make([][]byte, 0, n+1)
	for i := range n {
		parts = append(parts, hardlink(fmt.Sprintf("l%05d", i), fmt.Sprintf("l%05d", i+1)))
	}
	parts = append(parts, file(fmt.Sprintf("l%05d", n), "end"))
	u := unpackAll(t, tarOf(parts...))
	tr, err := flatten.Flatten(t.Context(), u.layers, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lines := u.show(t, tr.Tree)
	if len(lines) != n+1 || lines[0] != fmt.Sprintf("l00000=end links=%d", n+1) || !strings.HasSuffix(lines[n], " => l00000") {
		t.Errorf("got %d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}
