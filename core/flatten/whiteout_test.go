package flatten_test

import (
	"strings"
	"testing"

	"banger/core/flatten"
	"banger/internal/tartest"
)

// base is a lower layer that most tests change.
func base() []byte {
	return tarOf(dir("d/"), file("d/a", "A"), file("d/b", "B"), dir("d/sub/"), file("d/sub/c", "C"))
}

// attrs is an entry with attributes of its own.
func attrs(name string, typ byte, target, body string) []byte {
	return tartest.Entry(tartest.Header{Name: name, Type: typ, Linkname: target, Mode: 0o700, UID: 7, GID: 8, MTime: 99}, body)
}

func TestWhiteouts(t *testing.T) { runRules(t, whiteoutsRules()) }

func whiteoutsRules() []ruleTest {
	return []ruleTest{
		{
			name:   "removes a file of a lower layer",
			layers: [][]byte{base(), tarOf(file("d/.wh.a", ""))},
			want:   []string{"d/", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "removes a directory with all below it",
			layers: [][]byte{base(), tarOf(file(".wh.d", ""))},
		},
		{
			name:   "of a name that is not there is no error",
			layers: [][]byte{base(), tarOf(file("d/.wh.none", ""), file(".wh.d2", ""))},
			want:   []string{"d/", "d/a=A", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "makes no parents",
			layers: [][]byte{tarOf(file("x/y/.wh.z", ""), file("p/.wh..wh..opq", ""))},
		},
		{
			name:   "below a file leaves the file",
			layers: [][]byte{base(), tarOf(file("d/a/.wh.z", ""), file("d/b/.wh..wh..opq", ""))},
			want:   []string{"d/", "d/a=A", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "before a name of the same layer leaves it",
			layers: [][]byte{base(), tarOf(file("d/.wh.a", ""), file("d/a", "new"))},
			want:   []string{"d/", "d/a=new", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "after a name of the same layer leaves it",
			layers: [][]byte{base(), tarOf(file("d/a", "new"), file("d/.wh.a", ""))},
			want:   []string{"d/", "d/a=new", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "of a directory after the layer's own one leaves that alone",
			layers: [][]byte{base(), tarOf(attrs("d/", '5', "", ""), file("d/n", "N"), file(".wh.d", ""))},
			want:   []string{"d/ 0700 7:8 @99", "d/n=N"},
		},
		{
			name:   "of a directory after the layer's own and empty one leaves that alone",
			layers: [][]byte{base(), tarOf(attrs("d/", '5', "", ""), file(".wh.d", ""))},
			want:   []string{"d/ 0700 7:8 @99"},
		},
		{
			name:   "of a directory before the layer's own one leaves that alone",
			layers: [][]byte{base(), tarOf(file(".wh.d", ""), attrs("d/", '5', "", ""), file("d/n", "N"))},
			want:   []string{"d/ 0700 7:8 @99", "d/n=N"},
		},
		{
			name:   "of a directory that the layer puts names in leaves one that nobody declares",
			layers: [][]byte{tarOf(attrs("d/", '5', "", ""), attrs("d/a", '0', "", "A")), tarOf(file("d/n", "N"), file(".wh.d", ""))},
			want:   []string{"d/", "d/n=N"},
		},
		{
			name:   "of a directory before the layer puts names in it is the same",
			layers: [][]byte{tarOf(attrs("d/", '5', "", ""), attrs("d/a", '0', "", "A")), tarOf(file(".wh.d", ""), file("d/n", "N"))},
			want:   []string{"d/", "d/n=N"},
		},
		{
			name:   "of a directory reaches below directories that stay",
			layers: [][]byte{base(), tarOf(file("d/sub/n", "N"), file(".wh.d", ""))},
			want:   []string{"d/", "d/sub/", "d/sub/n=N"},
		},
		{
			name:   "lets the next layer put the name back",
			layers: [][]byte{base(), tarOf(file(".wh.d", "")), tarOf(file("d/a", "again"))},
			want:   []string{"d/", "d/a=again"},
		},
		{
			name:   "counts by its name when it is a hardlink",
			layers: [][]byte{base(), tarOf(hardlink("d/.wh.a", "nowhere"))},
			want:   []string{"d/", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "counts by its name when it is a file with data",
			layers: [][]byte{base(), tarOf(file("d/.wh.a", "data"))},
			want:   []string{"d/", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "counts by its name when it is a directory, symlink or device",
			layers: [][]byte{base(), tarOf(dir("d/.wh.a/"), symlink("d/.wh.b", "../../.."), device("d/.wh.sub", '3', 0, 0))},
			want:   []string{"d/"},
		},
		{
			name:   "of a symlink removes it and not its target",
			layers: [][]byte{tarOf(file("f", "F"), symlink("l", "f")), tarOf(file(".wh.l", ""))},
			want:   []string{"f=F"},
		},
		{
			name:   "has its parent resolved through symlinks",
			layers: [][]byte{tarOf(dir("usr/"), dir("usr/lib/"), file("usr/lib/x", "X"), symlink("lib", "usr/lib")), tarOf(file("lib/.wh.x", ""))},
			want:   []string{"lib -> usr/lib", "usr/", "usr/lib/"},
		},
		{
			name:   "has its parent resolved through a symlink of its own layer",
			layers: [][]byte{base(), tarOf(symlink("l", "/d"), file("l/.wh.sub", ""))},
			want:   []string{"d/", "d/a=A", "d/b=B", "l -> /d"},
		},
		{
			name:   "with a parent in a symlink loop",
			layers: [][]byte{tarOf(symlink("l", "l")), tarOf(file("l/.wh.x", ""))},
			err:    flatten.ErrSymlinkLoop,
		},
		{
			name:   "with dots and slashes in its name",
			layers: [][]byte{base(), tarOf(file("./d//.wh.a", ""), dir("d/./.wh.b//"))},
			want:   []string{"d/", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "of a name of 255 bytes",
			layers: [][]byte{tarOf(longName(strings.Repeat("n", 255)), file("", "x")), tarOf(longName(".wh."+strings.Repeat("n", 255)), file("", ""))},
		},
		{
			name:   "without a name",
			layers: [][]byte{base(), tarOf(dir("d/"), file("d/.wh.", ""))},
			err:    flatten.ErrWhiteout, entry: 1,
		},
		{
			name:   "of its own directory",
			layers: [][]byte{base(), tarOf(file(".wh..", ""))},
			err:    flatten.ErrWhiteout,
		},
		{
			name:   "of the parent of its directory",
			layers: [][]byte{base(), tarOf(file("d/.wh...", ""))},
			err:    flatten.ErrWhiteout,
		},
		{
			name:   "as a directory on the way to an entry",
			layers: [][]byte{base(), tarOf(dir("d/.wh.a/"), file("d/.wh.a/x", ""))},
			err:    flatten.ErrWhiteout, entry: 1,
		},
		{
			name:   "without a name on the way to an entry",
			layers: [][]byte{base(), tarOf(file("d/.wh./x", ""))},
			err:    flatten.ErrWhiteout,
		},
		{
			name:   "of one name of an inode leaves the others",
			layers: [][]byte{tarOf(file("a", "A"), hardlink("b", "a"), hardlink("c", "a")), tarOf(file(".wh.a", ""))},
			want:   []string{"b=A links=2", "c => b"},
		},
		{
			name:   "names no entry that merely begins like one",
			layers: [][]byte{tarOf(file(".whx", "X"), file("a.wh.b", "Y"), file(".wh", "Z"))},
			want:   []string{".wh=Z", ".whx=X", "a.wh.b=Y"},
		},
	}
}

func TestOpaqueWhiteouts(t *testing.T) { runRules(t, opaqueWhiteoutsRules()) }

func opaqueWhiteoutsRules() []ruleTest {
	return []ruleTest{
		{
			name:   "hide all lower children and leave the directory's attributes",
			layers: [][]byte{tarOf(attrs("d/", '5', "", ""), file("d/a", "A"), file("d/s/b", "B")), tarOf(file("d/.wh..wh..opq", ""))},
			want:   []string{"d/ 0700 7:8 @99"},
		},
		{
			name:   "before names of the same layer leave them",
			layers: [][]byte{base(), tarOf(file("d/.wh..wh..opq", ""), file("d/a", "new"), file("d/sub/n", "N"))},
			want:   []string{"d/", "d/a=new", "d/sub/", "d/sub/n=N"},
		},
		{
			name:   "after names of the same layer leave them",
			layers: [][]byte{base(), tarOf(file("d/a", "new"), file("d/sub/n", "N"), file("d/.wh..wh..opq", ""))},
			want:   []string{"d/", "d/a=new", "d/sub/", "d/sub/n=N"},
		},
		{
			name:   "between names of the same layer leave both",
			layers: [][]byte{base(), tarOf(file("d/a", "new"), file("d/.wh..wh..opq", ""), file("d/.wh..wh..opq", ""), file("d/n", "N"), file("d/.wh..wh..opq", ""))},
			want:   []string{"d/", "d/a=new", "d/n=N"},
		},
		{
			name:   "hide a directory's attributes when the layer only puts names in it",
			layers: [][]byte{tarOf(dir("d/"), attrs("d/s/", '5', "", "")), tarOf(file("d/s/n", "N"), file("d/.wh..wh..opq", ""))},
			want:   []string{"d/", "d/s/", "d/s/n=N"},
		},
		{
			name:   "in the root",
			layers: [][]byte{tarOf(attrs("./", '5', "", ""), file("a", "A"), file("s/b", "B")), tarOf(file(".wh..wh..opq", ""), file("n", "N"))},
			want:   []string{"/ 0700 7:8 @99", "n=N"},
		},
		{
			name:   "in the root, written ./",
			layers: [][]byte{base(), tarOf(file("./.wh..wh..opq", ""))},
		},
		{
			name:   "of the lowest layer do nothing",
			layers: [][]byte{tarOf(file("d/a", "A"), file("d/.wh..wh..opq", ""))},
			want:   []string{"d/", "d/a=A"},
		},
		{
			name:   "through a symlink",
			layers: [][]byte{base(), tarOf(symlink("l", "d/sub"), file("l/.wh..wh..opq", ""))},
			want:   []string{"d/", "d/a=A", "d/b=B", "d/sub/", "l -> d/sub"},
		},
		{
			name:   "of any type",
			layers: [][]byte{base(), tarOf(hardlink("d/.wh..wh..opq", "d/.wh..wh.plnk/1"))},
			want:   []string{"d/"},
		},
		{
			name:   "in each of two layers",
			layers: [][]byte{base(), tarOf(file("d/.wh..wh..opq", ""), file("d/x", "X")), tarOf(file("d/.wh..wh..opq", ""), file("d/y", "Y"))},
			want:   []string{"d/", "d/y=Y"},
		},
	}
}

func TestAufsMetadata(t *testing.T) { runRules(t, aufsMetadataRules()) }

func aufsMetadataRules() []ruleTest {
	return []ruleTest{
		{
			name:   "is ignored",
			layers: [][]byte{base(), tarOf(file(".wh..wh.aufs", ""), file(".wh..wh.", ""), dir("d/.wh..wh.orph/"), hardlink(".wh..wh.x", "y"))},
			want:   []string{"d/", "d/a=A", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "is ignored with all below it",
			layers: [][]byte{tarOf(dir(".wh..wh.plnk/"), file(".wh..wh.plnk/12.34", "x"), file("n/.wh..wh.plnk/d/.wh.q", ""), file(".wh..wh..opq/x", ""))},
		},
		{
			name:   "is no hardlink's target",
			layers: [][]byte{tarOf(file(".wh..wh.plnk/1", "x"), hardlink("l", ".wh..wh.plnk/1"))},
			err:    flatten.ErrHardlink, entry: 1,
		},
		{
			name:   "does not excuse unsafe names",
			layers: [][]byte{tarOf(file(".wh..wh.plnk/../../x", ""))},
			err:    flatten.ErrUnsafePath,
		},
	}
}
