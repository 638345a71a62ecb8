package treetest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"banger/sdk/tree"
)

// Limits narrow what [Draw] makes to what a reader or a filesystem can take.
// The zero value makes everything that a tree can hold.
type Limits struct {
	// Kernel keeps to what a Linux filesystem can hold: xattrs in known
	// namespaces and only where the kernel takes them, 12:20 bit device
	// numbers, ids other than -1, times that ext4 can hold.
	Kernel bool
}

// Draw makes a random tree, its pack in dir.
func Draw(t *rapid.T, dir string, l Limits) (*tree.Tree, *Packs) {
	d := drawer{T: t, b: New(dir), l: l, used: map[string]bool{"": true}, dirs: []string{""}}
	root := tree.Entry{Type: tree.Directory}
	d.attributes(&root)
	d.b.Add(root)
	for range rapid.IntRange(0, 25).Draw(t, "entries") {
		d.entry()
	}
	return d.b.Tree()
}

type drawer struct {
	*rapid.T
	b      *Builder
	l      Limits
	used   map[string]bool
	dirs   []string
	inodes []string
}

func (d *drawer) entry() {
	path := d.path()
	if d.used[path] {
		return
	}
	d.used[path] = true
	e := tree.Entry{Path: path, Type: tree.Type(rapid.IntRange(1, 7).Draw(d.T, "type"))}
	if e.Type == tree.Hardlink {
		d.link(path)
		return
	}
	d.attributes(&e)
	switch e.Type {
	case tree.Directory:
		d.dirs = append(d.dirs, path)
	case tree.Symlink:
		e.Mode, e.Target = 0o777, d.target()
	case tree.CharDevice, tree.BlockDevice:
		e.DevMajor, e.DevMinor = d.device()
	case tree.Regular:
		d.file(e)
	}
	if e.Type != tree.Regular {
		d.b.Add(e)
	}
	if e.Type != tree.Directory {
		d.inodes = append(d.inodes, path)
	}
}

// link adds a hardlink to an inode whose path sorts before it.
func (d *drawer) link(path string) {
	var earlier []string
	for _, p := range d.inodes {
		if p < path {
			earlier = append(earlier, p)
		}
	}
	if len(earlier) > 0 {
		d.b.Link(path, rapid.SampledFrom(earlier).Draw(d.T, "target"))
	}
}

func (d *drawer) path() string {
	parent := rapid.SampledFrom(d.dirs).Draw(d.T, "parent")
	name := d.name()
	if parent == "" {
		return name
	}
	return parent + "/" + name
}

func (d *drawer) name() string {
	switch rapid.IntRange(0, 5).Draw(d.T, "kind of name") {
	case 0:
		return strings.Repeat(rapid.StringMatching(`[a-z]`).Draw(d.T, "letter"), rapid.SampledFrom([]int{98, 99, 100, 101, 155, 255}).Draw(d.T, "length"))
	case 1:
		return rapid.SampledFrom([]string{"...", "-n", "naïve", "日本", "a=b", "%41", "PaxHeaders.0"}).Draw(d.T, "name")
	case 2:
		return rapid.SampledFrom([]string{"\xff\xfe", "a\nb", "\x1b[2J", "a b\\", "\x7f", strings.Repeat("\xe9", 120), "#!", "\u202e"}).Draw(d.T, "raw name")
	}
	return rapid.StringMatching(`[a-z][a-z0-9.]{0,4}`).Draw(d.T, "plain name")
}

func (d *drawer) target() string {
	n := rapid.SampledFrom([]int{1, 3, 99, 100, 101, 4095}).Draw(d.T, "target length")
	s := "/" + strings.Repeat("t", n-1)
	if n > 2 && rapid.Bool().Draw(d.T, "raw target") {
		s = s[:1] + "\xfa" + s[2:]
	}
	return s
}

func (d *drawer) device() (major, minor uint32) {
	if d.l.Kernel {
		return rapid.Uint32Range(0, 1<<12-1).Draw(d.T, "major"), rapid.Uint32Range(0, 1<<20-1).Draw(d.T, "minor")
	}
	return rapid.Uint32().Draw(d.T, "major"), rapid.Uint32().Draw(d.T, "minor")
}

func (d *drawer) attributes(e *tree.Entry) {
	e.Mode = rapid.Uint32Range(0, 0o7777).Draw(d.T, "mode")
	ids := rapid.SampledFrom([]uint32{0, 1, 1000, 1<<21 - 1, 1 << 21, math.MaxUint32 - 1, math.MaxUint32})
	e.UID, e.GID = ids.Draw(d.T, "uid"), ids.Draw(d.T, "gid")
	e.MTime.Sec = rapid.SampledFrom([]int64{0, 1, 1700000000, -1, -631152000, 1 << 31, 4102444800, 1 << 33, 1<<33 + 1}).Draw(d.T, "mtime")
	e.MTime.Nsec = rapid.SampledFrom([]uint32{0, 0, 1, 500000000, 999999999}).Draw(d.T, "nsec")
	d.xattrs(e)
	if d.l.Kernel {
		e.UID, e.GID = min(e.UID, math.MaxUint32-1), min(e.GID, math.MaxUint32-1)
	}
}

func (d *drawer) xattrs(e *tree.Entry) {
	names := []string{"security.test", "trusted.a", "trusted.b"}
	if e.Type == tree.Regular || e.Type == tree.Directory {
		names = append(names, "user.a", "user.long.name")
	}
	if !d.l.Kernel {
		names = append(names, "user.a=b", "user.%3D")
	}
	for _, n := range names {
		if rapid.IntRange(0, 5).Draw(d.T, n) == 0 {
			v := rapid.SampledFrom([]string{"x", "a\x00b", "line\n", strings.Repeat("v", 700), "\xff=", "12 a=b\n"}).Draw(d.T, "value")
			e.Xattrs = append(e.Xattrs, tree.Xattr{Name: n, Value: v})
		}
	}
	sortXattrs(e.Xattrs)
}

func (d *drawer) file(e tree.Entry) {
	if rapid.IntRange(0, 2).Draw(d.T, "sparse") > 0 {
		d.b.Content(e, d.data(rapid.SampledFrom([]int{0, 1, 511, 512, 513, 5000, 70000}).Draw(d.T, "size")))
		return
	}
	var pieces []Piece
	var at int64
	for range rapid.IntRange(0, 4).Draw(d.T, "pieces") {
		at += rapid.SampledFrom([]int64{0, 1, 511, 512, 4096, 100000}).Draw(d.T, "gap")
		p := Piece{at, d.data(rapid.SampledFrom([]int{1, 512, 700, 4096, 66000}).Draw(d.T, "length"))}
		pieces = append(pieces, p)
		at += int64(len(p.Data))
	}
	d.b.Sparse(e, at+rapid.SampledFrom([]int64{0, 1, 4096, 1 << 20}).Draw(d.T, "tail"), pieces...)
}

// data is n bytes that differ between draws and hold no block of zeros.
func (d *drawer) data(n int) string {
	seed := fmt.Sprintf("%08x", rapid.Uint32().Draw(d.T, "seed"))
	return strings.Repeat(seed, n/len(seed)+1)[:n]
}

func sortXattrs(x []tree.Xattr) {
	slices.SortFunc(x, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
}
