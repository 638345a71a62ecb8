package tree

import (
	"errors"
	"fmt"
	"strings"
)

// Validate checks what must hold in every tree and returns an error that
// wraps ErrCorrupt and names the first path where it does not: the root comes
// first and is a directory; paths are sorted, unique and clean; every parent
// is a directory of the tree; hardlinks name an earlier entry that is neither
// a directory nor a hardlink; extents lie inside their file, in order, in a
// listed layer; xattrs are sorted.
func (t *Tree) Validate() error {
	v := newValidator(t)
	if err := v.entries(0, len(t.Entries)); err != nil {
		return err
	}
	return v.end()
}

// validator goes through the entries of a tree.
type validator struct {
	tree *Tree
	dirs map[string]bool // paths of the directories so far
	last string          // one of them
}

func newValidator(t *Tree) *validator { return &validator{tree: t, dirs: make(map[string]bool)} }

// entries validates the entries from first on, before end. Those before first
// have been.
func (v *validator) entries(first, end int) error {
	for i := first; i < end; i++ {
		e := &v.tree.Entries[i]
		if i == 0 && (e.Path != "" || e.Type != Directory) {
			return errNoRoot
		}
		if i > 0 && e.Path <= v.tree.Entries[i-1].Path {
			return fmt.Errorf("%w: entry %d, %q, is out of order", ErrCorrupt, i, e.Path)
		}
		if err := v.entry(i, e); err != nil {
			return fmt.Errorf("%w: entry %d, %q: %w", ErrCorrupt, i, e.Path, err)
		}
	}
	return nil
}

// end validates what can only be said in the end.
func (v *validator) end() error {
	if len(v.tree.Entries) == 0 {
		return errNoRoot
	}
	return nil
}

var errNoRoot = fmt.Errorf("%w: the first entry is not the root directory", ErrCorrupt)

func (v *validator) entry(i int, e *Entry) error {
	if e.Path != "" {
		if err := v.path(e.Path); err != nil {
			return err
		}
	}
	if e.Type == Directory {
		v.dirs[e.Path] = true
	}
	if !e.Type.Valid() {
		return fmt.Errorf("unknown file type %d", e.Type)
	}
	if e.Type == Hardlink {
		earlier := Tree{Entries: v.tree.Entries[:i]}
		if target := earlier.Lookup(e.Target); target == nil || target.Type == Hardlink || target.Type == Directory {
			return fmt.Errorf("hardlink to %q, which is not an earlier inode", e.Target)
		}
	}
	if e.Type == Symlink && (e.Target == "" || strings.IndexByte(e.Target, 0) >= 0) {
		return fmt.Errorf("symlink target %q", e.Target)
	}
	for i := range e.Xattrs {
		if e.Xattrs[i].Name == "" || i > 0 && e.Xattrs[i].Name <= e.Xattrs[i-1].Name {
			return fmt.Errorf("xattr %q is out of order", e.Xattrs[i].Name)
		}
	}
	return v.tree.validateExtents(e)
}

func (t *Tree) validateExtents(e *Entry) error {
	if e.Type != Regular && (e.Size != 0 || len(e.Extents) > 0) {
		return fmt.Errorf("a %s with contents", e.Type)
	}
	var end int64
	for _, x := range e.Extents {
		if x.Length <= 0 || x.Offset < end || x.Length > e.Size-x.Offset || x.PackOffset < 0 || x.PackOffset+x.Length < 0 {
			return fmt.Errorf("extent of %d bytes at %d in a file of %d", x.Length, x.Offset, e.Size)
		}
		if x.Layer < 0 || x.Layer >= len(t.Layers) {
			return fmt.Errorf("extent in layer %d of %d", x.Layer, len(t.Layers))
		}
		end = x.Offset + x.Length
	}
	return nil
}

// path wants p to name one place below the root, in a directory that came
// before.
func (v *validator) path(p string) error {
	dir := Dir(p)
	if dir != v.last && !v.dirs[dir] || p[0] == '/' {
		if err := validatePath(p); err != nil {
			return err
		}
		return fmt.Errorf("parent %q is not a directory of the tree", dir)
	}
	v.last = dir
	return validateName(Base(p)) // those above it have been looked at
}

func validatePath(p string) error {
	for name := range strings.SplitSeq(p, "/") {
		if err := validateName(name); err != nil {
			return err
		}
	}
	return nil
}

func validateName(name string) error {
	switch {
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("path holds a NUL byte")
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("path has the component %q", name)
	}
	return nil
}

// Dir returns the path of p's parent, "" for a name in the root.
func Dir(p string) string {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)]
}

// Base returns the last component of p.
func Base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
