package flatten

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"banger/sdk/tree"
)

// emit writes the finished tree down.
func (f *flattener) emit(ctx context.Context) (*tree.Tree, error) {
	t := &tree.Tree{Entries: make([]tree.Entry, 0, 1+f.root.dir.size())}
	w := &emitter{ctx: ctx, f: f, t: t, layers: map[string]int{}}
	err := w.add("", f.root)
	if err == nil {
		err = w.addDir("", f.root.dir)
	}
	if err != nil {
		return nil, err
	}
	return w.t, nil
}

// size returns the number of names below d.
func (d *dir) size() int {
	n := len(d.children)
	for _, c := range d.children {
		if c.dir != nil {
			n += c.dir.size()
		}
	}
	return n
}

type emitter struct {
	ctx    context.Context
	f      *flattener
	t      *tree.Tree
	layers map[string]int // diffID to index in t.Layers
}

// member is a child of a directory at its place in the order of whole paths:
// under its name itself, and, if it has children, those under its name and a
// slash. ("a-b" comes between "a" and "a/c".)
type member struct {
	key   string
	n     *node
	below bool
}

func members(d *dir) []member {
	list := make([]member, 0, len(d.children))
	for name, n := range d.children {
		list = append(list, member{key: name, n: n})
		if n.dir != nil && len(n.dir.children) > 0 {
			list = append(list, member{key: name + "/", n: n, below: true})
		}
	}
	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.key, b.key) })
	return list
}

// addDir adds all that is below d, whose children's paths begin with prefix.
func (w *emitter) addDir(prefix string, d *dir) error {
	for _, m := range members(d) {
		var err error
		if path := prefix + m.key; m.below {
			err = w.addDir(path, m.n.dir)
		} else {
			err = w.add(path, m.n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds the entry of one name.
func (w *emitter) add(path string, n *node) error {
	if len(w.t.Entries)%4096 == 0 && w.ctx.Err() != nil {
		return fmt.Errorf("flatten: %w", context.Cause(w.ctx))
	}
	if w.f.pathRoom -= int64(len(path)); w.f.pathRoom < 0 {
		return fmt.Errorf("flatten: %w", limit("", "too many bytes of paths together"))
	}
	ino := n.ino.real()
	if ino.emitted > 0 {
		first := &w.t.Entries[ino.emitted-1]
		first.Links = max(first.Links, 1) + 1
		w.t.Entries = append(w.t.Entries, tree.Entry{Path: path, Type: tree.Hardlink, Target: first.Path})
		return nil
	}
	w.t.Entries = append(w.t.Entries, w.entry(path, ino))
	ino.emitted = len(w.t.Entries)
	return nil
}

// entry returns the entry that carries all of ino.
func (w *emitter) entry(path string, ino *inode) tree.Entry {
	a := ino.attrs()
	e := tree.Entry{
		Path: path, Type: ino.typ, Mode: a.mode, UID: a.uid, GID: a.gid,
		MTime: a.mtime, Xattrs: sortedXattrs(a.xattrs),
	}
	switch b := ino.body; ino.typ {
	case tree.Symlink:
		e.Target = b.Target
	case tree.CharDevice, tree.BlockDevice:
		e.DevMajor, e.DevMinor = b.DevMajor, b.DevMinor
	case tree.Regular:
		e.Size, e.SHA256 = b.Size, b.SHA256
		e.Extents = w.extents(b.Extents, w.f.layers[ino.layer-1].DiffID)
	}
	return e
}

// extents returns x as extents in the layer with the given diffID.
func (w *emitter) extents(x []tree.Extent, diffID string) []tree.Extent {
	if len(x) == 0 {
		return nil
	}
	i, known := w.layers[diffID]
	if !known {
		i = len(w.t.Layers)
		w.layers[diffID] = i
		w.t.Layers = append(w.t.Layers, diffID)
	}
	if i == 0 {
		return x // as it is in an index
	}
	out := slices.Clone(x)
	for k := range out {
		out[k].Layer = i
	}
	return out
}
