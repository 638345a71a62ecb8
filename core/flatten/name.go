package flatten

import (
	"fmt"
	"strings"
)

// whPrefix marks a whiteout, metaPrefix the names that aufs keeps for itself;
// of those, image-spec's layer.md gives opaqueName a meaning of its own.
const (
	whPrefix   = ".wh."
	metaPrefix = ".wh..wh."
	opaqueName = ".wh..wh..opq"
)

// kind tells what an entry does by its name alone.
type kind uint8

const (
	plain    kind = iota
	whiteout      // removes base
	opaque        // removes all in parent
	metadata      // does nothing
)

// name is an entry's name, taken apart.
type name struct {
	parent string // path of the parent: may hold empty components and "."
	base   string // last component, "" for the root; without its prefix for a whiteout
	kind   kind
}

// parseName takes an entry's name apart and refuses what may not stand in
// one.
func (f *flattener) parseName(s string) (name, error) {
	var n name
	n.parent, n.base = splitName(s)
	if n.base == "" {
		return n, nil
	}
	if s[0] == '/' && !f.opts.Contain {
		return n, unsafe("absolute entry name")
	}
	if strings.IndexByte(s, 0) >= 0 {
		return n, fmt.Errorf("%w: a NUL byte in the name", ErrInvalid)
	}
	if err := f.checkParents(&n); err != nil || n.kind != plain {
		return n, err
	}
	return n, n.classify()
}

// splitName cuts s before its last component, which is "" for the root.
func splitName(s string) (parent, base string) {
	for {
		s = strings.TrimRight(s, "/")
		i := strings.LastIndexByte(s, '/')
		if s[i+1:] != "." {
			return s[:i+1], s[i+1:]
		}
		s = s[:i+1]
	}
}

// checkParents checks each component of the parent's path and, for "..", of
// the base. All of the name is checked for ".." whatever else it holds.
func (f *flattener) checkParents(n *name) error {
	if n.base == ".." {
		return errDotDot
	}
	if n.parent == f.okParent {
		return nil
	}
	depth, below := 1, plain
	for c := range strings.SplitSeq(n.parent, "/") {
		switch {
		case c == "" || c == ".":
			continue
		case c == "..":
			return errDotDot
		case below == plain && strings.HasPrefix(c, metaPrefix):
			below = metadata
		case below == plain && strings.HasPrefix(c, whPrefix):
			below = whiteout
		}
		depth++
		if err := f.admitDepth(depth); err != nil {
			return err
		}
		if len(c) > maxName {
			return limit("", "a name of %d bytes, of at most %d", len(c), maxName)
		}
	}
	switch below {
	case metadata:
		n.kind = metadata
	case whiteout:
		return fmt.Errorf("%w: an entry below a whiteout", ErrWhiteout)
	default:
		f.okParent = n.parent
	}
	return nil
}

var errDotDot = fmt.Errorf("%w: \"..\" in an entry name", ErrUnsafePath)

// classify tells a whiteout by its base.
func (n *name) classify() error {
	switch {
	case n.base == opaqueName:
		n.kind = opaque
		return nil
	case strings.HasPrefix(n.base, metaPrefix):
		n.kind = metadata
		return nil
	case strings.HasPrefix(n.base, whPrefix):
		n.kind = whiteout
		n.base = n.base[len(whPrefix):]
		if n.base == "" || n.base == "." || n.base == ".." {
			return fmt.Errorf("%w: it names no entry", ErrWhiteout)
		}
	}
	if len(n.base) > maxName {
		return limit("", "a name of %d bytes, of at most %d", len(n.base), maxName)
	}
	return nil
}

// climbs reports whether the relative path target, walked by its components
// alone from a directory depth levels below the root, leaves the root.
func climbs(target string, depth int) bool {
	for c := range strings.SplitSeq(target, "/") {
		switch c {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}
