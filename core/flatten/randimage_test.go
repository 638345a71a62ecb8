package flatten_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// imageDrawer makes random images that a judge must have as flatten has them.
// It keeps to what real builders write: parents are declared before what is
// in them, hardlinks repeat their inode's attributes and come after their
// target. (TestUmociAgreesOnRules has the rest.)
type imageDrawer struct {
	*rand.Rand
	ctx context.Context
	// overlay keeps to layers that an overlay directory can stand for: each
	// path at most once, all parents in the layer, hardlinks inside it, no
	// parents that are symlinks.
	overlay bool

	layers []*layer.Index // entries only, the last is being made
	parts  [][][]byte
	tree   *tree.Tree
	mine   map[string]bool // paths of the layer being made
	// noTime are directories whose mtime umoci loses.
	noTime map[string]bool
	// hidden are, for each layer, the whiteouts that removed something.
	hidden []map[string]bool
}

func (d *imageDrawer) draw() {
	d.noTime = map[string]bool{}
	for i := range 1 + d.IntN(4) {
		d.layers = append(d.layers, &layer.Index{DiffID: fmt.Sprint(i)})
		d.parts = append(d.parts, nil)
		d.hidden = append(d.hidden, map[string]bool{})
		d.mine = map[string]bool{}
		d.dir("")
		for range d.IntN(25) {
			d.entry()
		}
	}
}

// tars returns the image's layers.
func (d *imageDrawer) tars() [][]byte {
	var tars [][]byte
	for _, p := range d.parts {
		tars = append(tars, tartest.Join(p...))
	}
	return tars
}

// try adds e if the image stays one that flatten takes without having to make
// a directory of its own.
func (d *imageDrawer) try(e tree.Entry, body string) bool {
	if p := strings.Trim(e.Path, "./"); d.overlay && d.mine[p] && !strings.Contains(e.Path, ".wh.") {
		return false
	}
	x := d.layers[len(d.layers)-1]
	x.Entries = append(x.Entries, e)
	var n int64
	for _, x := range d.layers {
		n += int64(len(x.Entries))
	}
	tr, err := flatten.Flatten(d.ctx, d.layers, flatten.Options{MaxEntries: n})
	if err != nil {
		x.Entries = x.Entries[:len(x.Entries)-1]
		return false
	}
	last := len(d.parts) - 1
	d.parts[last] = append(d.parts[last], tarEntry(&e, body))
	d.mine[strings.Trim(e.Path, "./")] = true
	d.tree = tr.Tree
	return true
}

// one returns the path of a random entry of the tree that fits.
func (d *imageDrawer) one(fits func(*tree.Entry) bool) (string, bool) {
	var paths []string
	for i := range d.tree.Entries {
		if e := &d.tree.Entries[i]; fits(e) {
			paths = append(paths, e.Path)
		}
	}
	if len(paths) == 0 {
		return "", false
	}
	return paths[d.IntN(len(paths))], true
}

func isDir(e *tree.Entry) bool   { return e.Type == tree.Directory }
func anyPath(e *tree.Entry) bool { return e.Path != "" }

// parent picks a directory to put something in, or a symlink to one.
func (d *imageDrawer) parent() string {
	p, _ := d.one(func(e *tree.Entry) bool {
		return isDir(e) || e.Type == tree.Symlink && !d.overlay
	})
	if d.overlay {
		d.declare(p)
	}
	if p == "" {
		return ""
	}
	return p + "/"
}

// declare adds the directory p and those above it unless the layer has them.
func (d *imageDrawer) declare(p string) {
	if d.mine[p] {
		return
	}
	d.declare(tree.Dir(p))
	d.dir(p)
}

func (d *imageDrawer) dir(p string) {
	e := d.attributes(tree.Directory)
	e.Path = "./" + p + "/"
	if p == "" {
		e.Path = "./"
	}
	if d.try(e, "") {
		d.mine[p] = true
	}
}

func (d *imageDrawer) entry() {
	switch d.IntN(12) {
	case 0, 1:
		d.whiteout()
	case 2:
		d.opaque()
	case 3, 4:
		d.link()
	default:
		d.other()
	}
}

// names are few, so that layers meet; "a-b" sorts between "a" and "a/x".
var names = []string{"a", "b", "a-b", "c", "d", "\xff", "e f"}

func (d *imageDrawer) name() string { return names[d.IntN(len(names))] }

func (d *imageDrawer) other() {
	e := d.attributes([]tree.Type{1, 1, 1, 2, 2, 2, 3, 5, 6, 7}[d.IntN(10)])
	e.Path = d.parent() + d.name()
	body := ""
	switch e.Type {
	case tree.Regular:
		body = strings.Repeat("content", d.IntN(4))
	case tree.Symlink:
		e.Target = d.target()
	case tree.CharDevice, tree.BlockDevice:
		e.DevMajor, e.DevMinor = 1+d.Uint32N(4000), d.Uint32N(1<<20)
	}
	d.try(e, body)
}

func (d *imageDrawer) target() string {
	if p, ok := d.one(anyPath); ok && d.IntN(4) > 0 {
		return "/" + p
	}
	return d.name()
}

// attributes draws an entry of a type without names.
func (d *imageDrawer) attributes(t tree.Type) tree.Entry {
	e := tree.Entry{
		Type: t,
		Mode: []uint32{0o644, 0o755, 0, 0o4755, 0o2711, 0o1777, 0o7777}[d.IntN(7)],
		UID:  []uint32{0, 0, 1000, 1<<32 - 2}[d.IntN(4)], GID: d.Uint32N(1 << 31),
		MTime: tree.Time{Sec: d.Int64N(1<<33) - 1<<30, Nsec: d.Uint32N(1e9)},
	}
	if d.overlay && t == tree.Directory {
		e.Mode &^= 0o2000 // GNU tar leaves it to directories that inherit it
	}
	space := "trusted." // user.* is for files and directories only
	if t == tree.Regular || t == tree.Directory {
		space = "user."
	}
	for _, name := range []string{"a", "b"} {
		if d.IntN(6) == 0 {
			e.Xattrs = append(e.Xattrs, tree.Xattr{Name: space + name, Value: "v\x00" + fmt.Sprint(d.IntN(9))})
		}
	}
	return e
}

// link adds a hardlink as builders write it. Its name may stand for anything
// but a directory or another name of the same inode, for which umoci fails.
func (d *imageDrawer) link() {
	target, ok := d.one(func(e *tree.Entry) bool { return !isDir(e) && (!d.overlay || d.mine[e.Path]) })
	if !ok {
		return
	}
	e := *d.tree.Lookup(d.inode(target))
	p, _ := d.one(isDir)
	if d.overlay {
		d.declare(p)
	}
	e.Path = strings.TrimPrefix(p+"/"+d.name(), "/")
	if old := d.tree.Lookup(e.Path); old != nil && (isDir(old) || d.inode(e.Path) == d.inode(target)) {
		return
	}
	e.Type, e.Target, e.Extents, e.Size = tree.Hardlink, target, nil, 0
	if !d.overlay { // GNU tar would link to the host's
		e.Target = []string{"", "/", "./"}[d.IntN(3)] + target
	}
	d.try(e, "")
}

// inode returns the first path of the inode at path.
func (d *imageDrawer) inode(path string) string {
	if e := d.tree.Lookup(path); e.Type == tree.Hardlink {
		return e.Target
	}
	return path
}

func (d *imageDrawer) whiteout() {
	p, ok := d.one(anyPath)
	if !ok {
		return
	}
	parent := tree.Dir(p)
	if d.overlay {
		d.declare(parent)
	}
	d.hide(parent, ".wh."+tree.Base(p))
}

func (d *imageDrawer) opaque() {
	p, _ := d.one(isDir)
	if d.overlay {
		d.declare(p)
	}
	d.hide(p, ".wh..wh..opq")
}

// hide adds a whiteout to the directory parent, unless a directory would be
// left that this layer does not declare: umoci leaves the attributes of lower
// layers there.
func (d *imageDrawer) hide(parent, base string) {
	e := tree.Entry{Path: strings.TrimPrefix(parent+"/"+base, "/"), Type: []tree.Type{1, 7}[d.IntN(2)]}
	before, parts := d.tree, slices.Clone(d.parts[len(d.parts)-1])
	if !d.try(e, "") {
		return
	}
	d.hidden[len(d.hidden)-1][e.Path] = len(d.tree.Entries) < len(before.Entries)
	for i := range before.Entries {
		b := &before.Entries[i]
		a := d.tree.Lookup(b.Path)
		if a == nil || !isDir(b) {
			continue
		}
		if a.MTime != b.MTime || a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID {
			x := d.layers[len(d.layers)-1]
			x.Entries, d.parts[len(d.parts)-1], d.tree = x.Entries[:len(x.Entries)-1], parts, before
			return
		}
		if a.Path != parent && children(before, a.Path) != children(d.tree, a.Path) {
			d.noTime[a.Path] = true
		}
	}
}

// children counts the names in a directory.
func children(t *tree.Tree, path string) (n int) {
	for i := range t.Entries {
		if p := t.Entries[i].Path; p != "" && tree.Dir(p) == path {
			n++
		}
	}
	return n
}

// tarEntry is e as a tar has it.
func tarEntry(e *tree.Entry, body string) []byte {
	records := []string{fmt.Sprintf("mtime=%s", paxTime(e.MTime))}
	for _, x := range e.Xattrs {
		records = append(records, "SCHILY.xattr."+x.Name+"="+x.Value)
	}
	h := tartest.Header{
		Name: e.Path, Linkname: e.Target, Type: " 0521346"[e.Type], Mode: int64(e.Mode),
		UID: int64(e.UID), GID: int64(e.GID), Major: int64(e.DevMajor), Minor: int64(e.DevMinor), Format: tartest.GNU,
	}
	return slices.Concat(pax(records...), tartest.Entry(h, body))
}

// paxTime writes t as pax(5) has it: one signed decimal fraction.
func paxTime(t tree.Time) string {
	if t.Sec < 0 && t.Nsec > 0 {
		s := fmt.Sprintf("%d.%09d", -(t.Sec + 1), 1e9-t.Nsec)
		return "-" + s
	}
	return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec)
}
