package flatten_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"banger/core/flatten"
	"banger/internal/tartest"
)

func TestReplacing(t *testing.T) { runRules(t, replacingRules()) }

func replacingRules() []ruleTest {
	return []ruleTest{
		{
			name:   "directory over directory merges, the later attributes win",
			layers: [][]byte{base(), tarOf(attrs("d/", '5', "", ""))},
			want:   []string{"d/ 0700 7:8 @99", "d/a=A", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name: "directory over directory has the later xattrs only",
			layers: [][]byte{
				tarOf(pax("SCHILY.xattr.user.a=1", "SCHILY.xattr.user.b=2"), dir("d/")),
				tarOf(pax("SCHILY.xattr.user.b=3"), dir("d/")),
			},
			want: []string{"d/ user.b=3"},
		},
		{
			name:   "file over directory",
			layers: [][]byte{base(), tarOf(file("d", "F"))},
			want:   []string{"d=F"},
		},
		{
			name:   "symlink over directory",
			layers: [][]byte{base(), tarOf(symlink("d", "x"))},
			want:   []string{"d -> x"},
		},
		{
			name:   "directory over file",
			layers: [][]byte{base(), tarOf(dir("d/a"))},
			want:   []string{"d/", "d/a/", "d/b=B", "d/sub/", "d/sub/c=C"},
		},
		{
			name:   "directory over symlink replaces it",
			layers: [][]byte{tarOf(dir("usr/lib/"), file("usr/lib/x", "X"), symlink("lib", "usr/lib")), tarOf(dir("lib/"), file("lib/y", "Y"))},
			want:   []string{"lib/", "lib/y=Y", "usr/", "usr/lib/", "usr/lib/x=X"},
		},
		{
			name:   "file over symlink leaves its target",
			layers: [][]byte{tarOf(file("f", "F"), symlink("l", "f")), tarOf(file("l", "new"))},
			want:   []string{"f=F", "l=new"},
		},
		{
			name:   "fifo and devices over files",
			layers: [][]byte{tarOf(file("a", "A"), file("b", "B"), file("c", "C")), tarOf(fifo("a"), device("b", '3', 511, 70000), device("c", '4', 8, 1))},
			want:   []string{"a|", "b character device 511:70000", "c block device 8:1"},
		},
		{
			name:   "twice in one layer, the later wins",
			layers: [][]byte{tarOf(file("a", "1"), dir("d/"), file("d/x", "X"), attrs("a", '0', "", "2"), attrs("d/", '5', "", ""), file("e", "E"), dir("e/"), symlink("s", "a"), file("s", "S"))},
			want:   []string{"a=2 0700 7:8 @99", "d/ 0700 7:8 @99", "d/x=X", "e/", "s=S"},
		},
		{
			name:   "a directory twice in one layer around a file",
			layers: [][]byte{tarOf(dir("d/"), file("d/x", "X"), file("d", "F"), dir("d/"))},
			want:   []string{"d/"},
		},
	}
}

func TestParents(t *testing.T) { runRules(t, parentsRules()) }

func parentsRules() []ruleTest {
	usrmerge := tarOf(dir("usr/"), dir("usr/lib/"), symlink("lib", "usr/lib"), symlink("abs", "/usr/lib"), dir("deep/"), symlink("deep/up", "../usr"))
	merged := []string{"abs -> /usr/lib", "deep/", "deep/up -> ../usr", "lib -> usr/lib", "usr/", "usr/lib/"}
	return []ruleTest{
		{
			name:   "through a relative symlink",
			layers: [][]byte{usrmerge, tarOf(file("lib/x", "X"))},
			want:   append(merged[:6:6], "usr/lib/x=X"),
		},
		{
			name:   "through an absolute symlink",
			layers: [][]byte{usrmerge, tarOf(file("abs/x", "X"))},
			want:   append(merged[:6:6], "usr/lib/x=X"),
		},
		{
			name:   "through a symlink in the middle",
			layers: [][]byte{usrmerge, tarOf(file("deep/up/lib/x", "X"))},
			want:   append(merged[:6:6], "usr/lib/x=X"),
		},
		{
			name:   "through a symlink that a later entry of the layer makes",
			layers: [][]byte{tarOf(file("d/x", "X"), symlink("l", "d"), file("l/y", "Y"))},
			want:   []string{"d/", "d/x=X", "d/y=Y", "l -> d"},
		},
		{
			name:   "through an absolute symlink whose .. stops at the root",
			layers: [][]byte{tarOf(symlink("l", "/../../d"), file("l/x", "X"))},
			want:   []string{"d/", "d/x=X", "l -> /../../d"},
		},
		{
			name:   "through .. of a symlink's target, not of its name",
			layers: [][]byte{tarOf(dir("a/b/"), symlink("l", "a/b"), symlink("m", "l/../n"), file("m/x", "X"))},
			want:   []string{"a/", "a/b/", "a/n/", "a/n/x=X", "l -> a/b", "m -> l/../n"},
		},
		{
			name:   "through a dangling symlink makes its target",
			layers: [][]byte{tarOf(symlink("l", "no/where"), file("l/x", "X"))},
			want:   []string{"l -> no/where", "no/", "no/where/", "no/where/x=X"},
		},
		{
			name:   "through .. of what is not there makes nothing there",
			layers: [][]byte{tarOf(symlink("l", "no/../d"), file("l/x", "X"))},
			want:   []string{"d/", "d/x=X", "l -> no/../d"},
		},
		{
			name:   "through a symlink that appears where .. came back from nothing",
			layers: [][]byte{tarOf(dir("d/"), dir("e/f/"), symlink("l", "no/../d"), file("l/x", "X"), symlink("no", "e/f"), file("l/y", "Y"))},
			want:   []string{"d/", "d/x=X", "e/", "e/d/", "e/d/y=Y", "e/f/", "l -> no/../d", "no -> e/f"},
		},
		{
			name:   "through a symlink that appears where .. came back from nothing, by way of itself",
			layers: [][]byte{tarOf(dir("e/f/"), symlink("l", "no/.."), file("l/x", "X"), symlink("l/no", "e/f"), file("l/y", "Y"))},
			want:   []string{"e/", "e/f/", "e/y=Y", "l -> no/..", "no -> e/f", "x=X"},
		},
		{
			name:   "through a symlink that is replaced by way of itself",
			layers: [][]byte{tarOf(dir("e/"), symlink("l", "."), file("l/x", "X"), symlink("l/l", "e"), file("l/y", "Y"))},
			want:   []string{"e/", "e/y=Y", "l -> e", "x=X"},
		},
		{
			name:   "through a symlink that is removed by way of itself",
			layers: [][]byte{tarOf(symlink("l", ".")), tarOf(file("l/x", "X"), file("l/.wh.l", ""), file("l/y", "Y"))},
			want:   []string{"l/", "l/y=Y", "x=X"},
		},
		{
			name:   "through a symlink to the root",
			layers: [][]byte{tarOf(symlink("l", "/"), file("l/x", "X"), symlink("m", "."), file("m/y", "Y"))},
			want:   []string{"l -> /", "m -> .", "x=X", "y=Y"},
		},
		{
			name:   "that is a file becomes a directory",
			layers: [][]byte{tarOf(attrs("f", '0', "", "F")), tarOf(file("f/x", "X"))},
			want:   []string{"f/", "f/x=X"},
		},
		{
			name:   "that is a file of the same layer becomes a directory",
			layers: [][]byte{tarOf(fifo("f"), file("f/g/x", "X"), file("f/h", "H"))},
			want:   []string{"f/", "f/g/", "f/g/x=X", "f/h=H"},
		},
		{
			name:   "that is a symlink to a file makes the file a directory",
			layers: [][]byte{tarOf(file("f", "F"), symlink("l", "f"), file("l/x", "X"))},
			want:   []string{"f/", "f/x=X", "l -> f"},
		},
		{
			name:   "that no entry declares have the mtime of the first that needed them",
			layers: [][]byte{tarOf(attrs("a/b/c", '0', "", "C"), file("a/b/d", "D"), file("a/e", "E"))},
			want:   []string{"a/ @99", "a/b/ @99", "a/b/c=C 0700 7:8 @99", "a/b/d=D", "a/e=E"},
		},
		{
			name:   "may be declared later",
			layers: [][]byte{tarOf(file("d/x", "X"), attrs("d/", '5', "", "")), tarOf(file("d/y", "Y"))},
			want:   []string{"d/ 0700 7:8 @99", "d/x=X", "d/y=Y"},
		},
		{
			name:   "in a symlink loop",
			layers: [][]byte{tarOf(symlink("a", "b"), symlink("b", "a")), tarOf(dir("x/"), file("a/x", "X"))},
			err:    flatten.ErrSymlinkLoop, entry: 1,
		},
		{
			name:   "through 255 symlinks",
			layers: [][]byte{chain(255), tarOf(file("l255/x", "X"))},
			want:   append([]string{"l0/", "l0/x=X"}, chainLines(255)...),
		},
		{
			name:   "through 256 symlinks",
			layers: [][]byte{chain(256), tarOf(file("l256/x", "X"))},
			err:    flatten.ErrSymlinkLoop,
		},
	}
}

// chain is a layer of n symlinks, each to the one before, the first to the
// directory l0.
func chain(n int) []byte {
	parts := [][]byte{dir("l0/")}
	for i := range n {
		parts = append(parts, symlink(fmt.Sprintf("l%d", i+1), fmt.Sprintf("l%d", i)))
	}
	return tarOf(parts...)
}

// chainLines are the symlinks of chain as show has them, in their order.
func chainLines(n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("l%d -> l%d", i+1, i))
	}
	slices.Sort(lines)
	return lines
}

func TestRoot(t *testing.T) { runRules(t, rootRules()) }

func rootRules() []ruleTest {
	root := []string{"/ 0700 7:8 @99", "a=A"}
	return []ruleTest{
		{name: "of no layers is 0755, 0:0, mtime 0"},
		{name: "of an empty layer is 0755, 0:0, mtime 0", layers: [][]byte{tarOf()}},
		{name: "that no entry declares keeps its mtime", layers: [][]byte{tarOf(file("a", "A"))}, want: root[1:]},
		{name: "as .", layers: [][]byte{tarOf(attrs(".", '5', "", ""), file("a", "A"))}, want: root},
		{name: "as ./", layers: [][]byte{tarOf(file("a", "A"), attrs("./", '5', "", ""))}, want: root},
		{name: "as /", layers: [][]byte{tarOf(attrs("/", '5', "", ""), file("a", "A"))}, want: root},
		{name: "as .//./", layers: [][]byte{tarOf(attrs(".//./", '5', "", ""), file("a", "A"))}, want: root},
		{name: "of a later layer wins", layers: [][]byte{tarOf(dir("./"), file("a", "A")), tarOf(attrs("./", '5', "", ""))}, want: root},
		{name: "as a file", layers: [][]byte{tarOf(file("./", "x"))}, err: flatten.ErrInvalid},
		{name: "as a symlink", layers: [][]byte{tarOf(symlink(".", "x"))}, err: flatten.ErrInvalid},
		{name: "as a hardlink", layers: [][]byte{tarOf(file("x", "X"), hardlink(".", "x"))}, err: flatten.ErrInvalid, entry: 1},
	}
}

func TestNames(t *testing.T) { runRules(t, namesRules()) }

func namesRules() []ruleTest {
	long := strings.Repeat("n", 255)
	return []ruleTest{
		{
			name:   "with dots and slashes",
			layers: [][]byte{tarOf(dir("./d//"), file("./d/./x", "X"), file("d///y", "Y"), dir("d/z/."))},
			want:   []string{"d/", "d/x=X", "d/y=Y", "d/z/"},
		},
		{
			name:   "are raw bytes",
			layers: [][]byte{tarOf(file("\xff\xfe", "1"), file("a\nb", "2"), file("..a", "3"), file("...", "4"), file("\\", "5"))},
			want:   []string{"...=4", "..a=3", "\\=5", "a\nb=2", "\xff\xfe=1"},
		},
		{
			name:   "sort by the bytes of whole paths",
			layers: [][]byte{tarOf(file("a/c", "1"), file("a-b", "2"), file("a0", "3"), file("a/b/d", "4"), file("a/b!", "5"))},
			want:   []string{"a/", "a-b=2", "a/b/", "a/b!=5", "a/b/d=4", "a/c=1", "a0=3"},
		},
		{
			name:   "of 255 bytes",
			layers: [][]byte{tarOf(longName(long+"/"+long), file("", "X"))},
			want:   []string{long + "/", long + "/" + long + "=X"},
		},
		{
			name:   "of 256 bytes",
			layers: [][]byte{tarOf(longName(long+"n"), file("", "X"))},
			err:    flatten.ErrLimit,
		},
		{
			name:   "of 256 bytes of a parent",
			layers: [][]byte{tarOf(longName(long+"n/x"), file("", "X"))},
			err:    flatten.ErrLimit,
		},
		{
			name:   "of 256 bytes in the target of a symlink that is a parent",
			layers: [][]byte{tarOf(longLink(long+"n"), symlink("l", ""), file("l/x", "X"))},
			err:    flatten.ErrLimit, entry: 1,
		},
		{
			name:   "that make a path of 4095 bytes",
			layers: [][]byte{tarOf(longName(strings.Repeat(long+"/", 15)+long), file("", "X"))},
			want:   append(prefixes(long, 15), strings.Repeat(long+"/", 15)+long+"=X"),
		},
		{
			name:   "that make a path of 4096 bytes through a symlink",
			layers: [][]byte{tarOf(longName(strings.Repeat(long+"/", 15)+long[1:]), dir(""), longLink(strings.Repeat(long+"/", 15)+long[1:]), symlink("l", ""), file("l/x", "X"))},
			err:    flatten.ErrLimit, entry: 2,
		},
		{
			name:   "with .. are refused",
			layers: [][]byte{tarOf(dir("d/"), file("d/../x", "X"))},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "that end in .. are refused",
			layers: [][]byte{tarOf(dir("d/.."))},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "with .. of whiteouts are refused",
			layers: [][]byte{tarOf(file("../.wh.x", ""))},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "with .. are refused with --unsafe-paths contain, too",
			layers: [][]byte{tarOf(file("../x", "X"))},
			opts:   flatten.Options{Contain: true},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "that are absolute are refused",
			layers: [][]byte{tarOf(file("/x", "X"))},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "that are absolute are refused for whiteouts",
			layers: [][]byte{tarOf(file("/.wh.x", ""))},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "that are absolute are inside the root with --unsafe-paths contain",
			layers: [][]byte{base(), tarOf(file("//x", "X"), file("/.wh.d", ""))},
			opts:   flatten.Options{Contain: true},
			want:   []string{"x=X"},
		},
	}
}

// prefixes are the directories n deep whose names are all name.
func prefixes(name string, n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, strings.Repeat(name+"/", i+1))
	}
	return lines
}

func TestSymlinks(t *testing.T) { runRules(t, symlinksRules()) }

func symlinksRules() []ruleTest {
	target := strings.Repeat("t", 4095)
	return []ruleTest{
		{
			name:   "keep their targets verbatim and have mode 0777",
			layers: [][]byte{tarOf(tartest.Entry(tartest.Header{Name: "a", Type: '2', Linkname: "x//./y/", Mode: 0o600, UID: 5, MTime: tartest.MTime}, ""), symlink("b", "\xff\n"))},
			want:   []string{"a -> x//./y/ 5:0", "b -> \xff\n"},
		},
		{
			name:   "to absolute targets are inside the root",
			layers: [][]byte{tarOf(symlink("a", "/etc/passwd"), symlink("b", "/../../x"))},
			want:   []string{"a -> /etc/passwd", "b -> /../../x"},
		},
		{
			name:   "to .. as far as the root",
			layers: [][]byte{tarOf(symlink("d/e/l", "../../x"), symlink("d/m", "a/../../x"))},
			want:   []string{"d/", "d/e/", "d/e/l -> ../../x", "d/m -> a/../../x"},
		},
		{
			name:   "that climb above the root are refused",
			layers: [][]byte{tarOf(dir("d/"), symlink("d/l", "../../x"))},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "that climb above the root and come back are refused",
			layers: [][]byte{tarOf(symlink("d/l", "a/../../../d/x"))},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "climb from where they stand, not from their name",
			layers: [][]byte{tarOf(dir("a/b/"), symlink("l", "a/b"), symlink("l/m", "../../x"))},
			want:   []string{"a/", "a/b/", "a/b/m -> ../../x", "l -> a/b"},
		},
		{
			name:   "that climb where they stand are refused, whatever their name",
			layers: [][]byte{tarOf(symlink("a/b", "/"), symlink("a/b/m", "../x"))},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "that climb are kept verbatim with --unsafe-paths contain, and stop at the root",
			layers: [][]byte{tarOf(symlink("d/l", "../../../x"), file("d/l/f", "F"))},
			opts:   flatten.Options{Contain: true},
			want:   []string{"d/", "d/l -> ../../../x", "x/", "x/f=F"},
		},
		{
			name:   "that climb only under another name are refused there",
			layers: [][]byte{tarOf(symlink("a/b/l", "../../x"), hardlink("m", "a/b/l"))},
			err:    flatten.ErrUnsafePath, entry: 1,
		},
		{
			name:   "that climb only under another name that comes first are refused there",
			layers: [][]byte{tarOf(hardlink("m", "a/b/l"), symlink("a/b/l", "../../x"))},
			err:    flatten.ErrUnsafePath,
		},
		{
			name:   "with targets of 4095 bytes",
			layers: [][]byte{tarOf(longLink(target), symlink("l", ""))},
			want:   []string{"l -> " + target},
		},
	}
}
