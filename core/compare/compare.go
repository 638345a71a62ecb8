// Package compare tells how two trees differ: path by path, field by field.
// It is pure.
package compare

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"banger/sdk/tree"
)

// Difference is one field of one path that two trees do not share. A path
// that only one of them has differs in its type, which is "" on the other
// side.
type Difference struct {
	Path  string // raw bytes, without a leading slash
	Field string
	Want  string
	Got   string
}

// The fields. Those of xattrs are "xattr:" and the name.
const (
	Type    = "type"
	Size    = "size"
	Content = "content" // the SHA-256 of a file
	Target  = "target"  // of a symlink
	Owner   = "owner"
	Mode    = "mode"
	MTime   = "mtime"
	Device  = "device"
	Links   = "links"
	Xattr   = "xattr"
)

// Filesystem is the field of a difference between a tree and an image that
// cannot be read to its end: Got says why. Trees finds no such difference.
const Filesystem = "filesystem"

// Fields are all that Options.Ignore takes.
var Fields = []string{Type, Size, Content, Target, Owner, Mode, MTime, Device, Links, Xattr}

// Options say what does not count.
type Options struct {
	// Ignore has fields, "xattr:NAME" for a single one, and paths with a
	// leading slash, which stand for all that lies below them, too; "/" is the
	// root directory alone.
	Ignore []string
}

// Trees compares two trees, which must be sorted. Differences come in the
// order of paths. The mode of a symlink does not count, since Linux has none.
func Trees(want, got *tree.Tree, o Options) []Difference {
	c := comparer{want: want, got: got, Options: o}
	w, g := want.Entries, got.Entries
	for len(w) > 0 || len(g) > 0 {
		switch order := next(w, g); {
		case order < 0:
			c.differ(w[0].Path, Type, c.typeText(c.want, &w[0]), "")
			w = w[1:]
		case order > 0:
			c.differ(g[0].Path, Type, "", c.typeText(c.got, &g[0]))
			g = g[1:]
		default:
			c.entries(&w[0], &g[0])
			w, g = w[1:], g[1:]
		}
	}
	return c.list
}

// next tells which list has the lesser path.
func next(w, g []tree.Entry) int {
	switch {
	case len(g) == 0:
		return -1
	case len(w) == 0:
		return 1
	}
	return cmp.Compare(w[0].Path, g[0].Path)
}

type comparer struct {
	Options
	want, got *tree.Tree
	list      []Difference
}

func (c *comparer) differ(path, field, want, got string) {
	if want != got && !c.ignored(path, field) {
		c.list = append(c.list, Difference{path, field, want, got})
	}
}

func (c *comparer) ignored(path, field string) bool {
	return slices.ContainsFunc(c.Ignore, func(s string) bool {
		if p, ok := strings.CutPrefix(s, "/"); ok {
			p = strings.TrimSuffix(p, "/")
			return path == p || strings.HasPrefix(path, p+"/")
		}
		return field == s || s == Xattr && strings.HasPrefix(field, Xattr+":")
	})
}

// inode returns the entry that has e's attributes.
func inode(t *tree.Tree, e *tree.Entry) *tree.Entry {
	if e.Type == tree.Hardlink {
		if i := t.Lookup(e.Target); i != nil {
			return i
		}
	}
	return e
}

func (c *comparer) typeText(t *tree.Tree, e *tree.Entry) string { return inode(t, e).Type.String() }

// entries compares two names of one path, and their inodes unless these have
// been compared at an earlier name.
func (c *comparer) entries(w, g *tree.Entry) {
	wi, gi := inode(c.want, w), inode(c.got, g)
	c.differ(w.Path, Links, linkText(w), linkText(g))
	if w.Type == tree.Hardlink && g.Type == tree.Hardlink && w.Target == g.Target {
		return
	}
	if wi.Type != gi.Type {
		c.differ(w.Path, Type, wi.Type.String(), gi.Type.String())
		return
	}
	c.attributes(w.Path, wi, gi)
}

func linkText(e *tree.Entry) string {
	if e.Type == tree.Hardlink {
		return "a hardlink to /" + e.Target
	}
	return "an inode of its own"
}

func (c *comparer) attributes(path string, w, g *tree.Entry) {
	c.differ(path, Size, strconv.FormatInt(w.Size, 10), strconv.FormatInt(g.Size, 10))
	if w.Size == g.Size {
		c.differ(path, Content, hex.EncodeToString(w.SHA256[:]), hex.EncodeToString(g.SHA256[:]))
	}
	c.differ(path, Target, w.Target, g.Target)
	c.differ(path, Owner, fmt.Sprintf("%d:%d", w.UID, w.GID), fmt.Sprintf("%d:%d", g.UID, g.GID))
	if w.Type != tree.Symlink {
		c.differ(path, Mode, fmt.Sprintf("%04o", w.Mode), fmt.Sprintf("%04o", g.Mode))
	}
	c.differ(path, MTime, w.MTime.Time().Format(time.RFC3339Nano), g.MTime.Time().Format(time.RFC3339Nano))
	c.differ(path, Device, fmt.Sprintf("%d:%d", w.DevMajor, w.DevMinor), fmt.Sprintf("%d:%d", g.DevMajor, g.DevMinor))
	c.xattrs(path, w.Xattrs, g.Xattrs)
}

// xattrs compares two sorted lists. A value is told from none by its quotes.
func (c *comparer) xattrs(path string, w, g []tree.Xattr) {
	for len(w) > 0 || len(g) > 0 {
		order := 0
		switch {
		case len(g) == 0:
			order = -1
		case len(w) == 0:
			order = 1
		default:
			order = cmp.Compare(w[0].Name, g[0].Name)
		}
		switch {
		case order < 0:
			c.differ(path, Xattr+":"+w[0].Name, strconv.Quote(w[0].Value), "")
			w = w[1:]
		case order > 0:
			c.differ(path, Xattr+":"+g[0].Name, "", strconv.Quote(g[0].Value))
			g = g[1:]
		default:
			c.differ(path, Xattr+":"+w[0].Name, strconv.Quote(w[0].Value), strconv.Quote(g[0].Value))
			w, g = w[1:], g[1:]
		}
	}
}

// String says the difference in one line, with bytes that are not printable
// escaped.
func (d Difference) String() string {
	switch {
	case d.Field == Filesystem:
		return "filesystem: " + d.Got
	case d.Field == Type && d.Got == "":
		return fmt.Sprintf("%q: missing: a %s", "/"+d.Path, d.Want)
	case d.Field == Type && d.Want == "":
		return fmt.Sprintf("%q: not wanted: a %s", "/"+d.Path, d.Got)
	}
	return fmt.Sprintf("%q: %s: want %s, got %s", "/"+d.Path, d.Field, valueText(d.Want), valueText(d.Got))
}

// valueText clips values, which may be long, and shows none as that.
func valueText(s string) string {
	const most = 200
	if s == "" {
		return "none"
	}
	if len(s) > most {
		return fmt.Sprintf("%q… (%d bytes)", s[:most], len(s))
	}
	if _, err := strconv.Unquote(s); err == nil { // the value of an xattr
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
