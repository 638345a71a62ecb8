package flatten

import (
	"fmt"
	"strings"

	"banger/sdk/tree"
)

// place is where a path of directories leads: to dir, or, where missing is
// not empty, to a directory that could be made below dir. The first of the
// missing names may stand for something that is not a directory.
type place struct {
	dir     *node
	missing []string
}

// resolve walks path from the root, following symlinks, with ".." stopping
// at the root.
func (f *flattener) resolve(path string) (place, error) {
	if f.lastDir != nil && f.lastParent == path {
		return place{dir: f.lastDir}, nil
	}
	w := walk{f: f, at: place{dir: f.root}, todo: path}
	for w.todo != "" || len(w.then) > 0 {
		if err := w.step(); err != nil {
			return place{}, err
		}
	}
	if !w.strayed {
		f.lastParent, f.lastDir = path, w.at.dir
	}
	return w.at, nil
}

// walk is a resolve under way.
type walk struct {
	f     *flattener
	at    place
	todo  string   // what remains of the path or of the last symlink's target
	then  []string // what remains after that, last first
	links int

	// strayed is set once the way has led through a name that is not there,
	// even if ".." came back from it.
	strayed bool
}

// step takes the next component.
func (w *walk) step() error {
	if w.todo == "" {
		w.todo = w.then[len(w.then)-1]
		w.then = w.then[:len(w.then)-1]
		return nil
	}
	var c string
	c, w.todo, _ = strings.Cut(w.todo, "/")
	if w.links > 0 {
		if w.f.steps--; w.f.steps < 0 {
			return limit("", "the image's symlinks take too many steps to follow")
		}
	}
	switch c {
	case "", ".":
		return nil
	case "..":
		w.at.up()
		return nil
	}
	return w.down(c)
}

// down enters the component c.
func (w *walk) down(c string) error {
	var n *node
	if len(w.at.missing) == 0 {
		n = w.at.dir.dir.children[c]
	}
	switch {
	case n != nil && n.dir != nil:
		w.at.dir = n
	case n != nil && n.ino.real().typ == tree.Symlink:
		return w.follow(n.ino.real().body.Target)
	default:
		w.strayed = true
		w.at.missing = append(w.at.missing, c)
	}
	return nil
}

// follow goes on with a symlink's target, from where the symlink stands.
func (w *walk) follow(target string) error {
	if w.links++; w.links > maxLinks {
		return fmt.Errorf("%w: more than %d on the way to its parent", ErrSymlinkLoop, maxLinks)
	}
	if w.todo != "" {
		w.then = append(w.then, w.todo)
	}
	w.todo = target
	if target[0] == '/' {
		w.at = place{dir: w.f.root}
	}
	return nil
}

// up goes to the parent directory.
func (p *place) up() {
	if n := len(p.missing); n > 0 {
		p.missing = p.missing[:n-1]
	} else if p.dir.dir.parent != nil {
		p.dir = p.dir.dir.parent
	}
}

// makeParent resolves path and makes it a directory where it is none, for an
// entry with the given mtime.
func (f *flattener) makeParent(path string, mtime tree.Time) (*dir, error) {
	at, err := f.resolve(path)
	if err != nil {
		return nil, err
	}
	f.touch(at.dir, mtime)
	for _, base := range at.missing {
		if at.dir, err = f.imply(at.dir.dir, base, mtime); err != nil {
			return nil, err
		}
	}
	return at.dir.dir, nil
}

// lookup finds the node at path without following its last component; nil
// where there is none. A path that ends in ".." is taken for the root: a
// directory like any that it may mean.
func (f *flattener) lookup(path string) (*node, error) {
	parent, base := splitName(path)
	if base == "" || base == ".." {
		return f.root, nil
	}
	at, err := f.resolve(parent)
	if err != nil || len(at.missing) > 0 {
		return nil, err
	}
	return at.dir.dir.children[base], nil
}
