package flatten_test

import (
	"maps"
	"slices"
	"strings"

	"banger/core/flatten"
	"banger/core/layer"
	"banger/sdk/tree"
)

// model is flattening written once more, the plain way: a map of whole paths,
// walked whole whenever a subtree is meant. It knows the same rules and
// shares no code.
type model struct {
	m map[string]*object

	// Of the layer being applied: what it has put where, with all parents;
	// which directories it declares; for which entry it first needed one.
	mine     map[string]bool
	declared map[string]bool
	needed   map[string]tree.Time
	late     []lateLink
}

// object is an inode. want is set while it stands for a link's target.
type object struct {
	tree.Entry
	diffID string
	want   string
}

type lateLink struct {
	ob *object
	e  *tree.Entry
}

func flattenModel(layers []*layer.Index) (map[string]*object, error) {
	md := &model{m: map[string]*object{"": {Entry: tree.Entry{Type: tree.Directory, Mode: 0o755}}}}
	for _, x := range layers {
		md.mine, md.declared, md.needed, md.late = map[string]bool{}, map[string]bool{}, map[string]tree.Time{}, nil
		for i := range x.Entries {
			if err := md.apply(&x.Entries[i], x.DiffID); err != nil {
				return nil, err
			}
		}
		if err := md.finishLinks(); err != nil {
			return nil, err
		}
	}
	return md.m, nil
}

// clean drops empty components and dots.
func clean(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "/"), func(c string) bool { return c == "" || c == "." })
}

func join(c []string) string { return strings.Join(c, "/") }

func (md *model) apply(e *tree.Entry, diffID string) error {
	parts := clean(e.Path)
	if slices.Contains(parts, "..") || strings.HasPrefix(e.Path, "/") && len(parts) > 0 {
		return flatten.ErrUnsafePath
	}
	for i, c := range parts {
		last := i == len(parts)-1
		switch name, isWhiteout := strings.CutPrefix(c, ".wh."); {
		case c == ".wh..wh..opq" && last:
			return md.whiteout(parts[:i], "*")
		case strings.HasPrefix(name, ".wh."):
			return nil
		case isWhiteout && (!last || name == "" || name == "." || name == ".."):
			return flatten.ErrWhiteout
		case isWhiteout:
			return md.whiteout(parts[:i], name)
		}
	}
	if len(parts) == 0 {
		if e.Type != tree.Directory {
			return flatten.ErrInvalid
		}
		md.m[""], md.declared[""] = &object{Entry: *e}, true
		return nil
	}
	parent, err := md.walk(parts[:len(parts)-1], 0)
	if err != nil {
		return err
	}
	md.mkdir(parent, e.MTime)
	return md.put(append(parent, parts[len(parts)-1]), e, diffID)
}

// walk resolves a directory's path and returns where it leads.
func (md *model) walk(parts []string, links int) ([]string, error) {
	var at []string
	for i, c := range parts {
		if c == ".." {
			at = at[:max(0, len(at)-1)]
			continue
		}
		ob := md.m[join(append(slices.Clone(at), c))]
		if ob == nil || ob.Type != tree.Symlink {
			at = append(slices.Clone(at), c)
			continue
		}
		if links == 255 {
			return nil, flatten.ErrSymlinkLoop
		}
		next := append(clean(ob.Target), parts[i+1:]...)
		if !strings.HasPrefix(ob.Target, "/") {
			next = append(slices.Clone(at), next...)
		}
		return md.walk(next, links+1)
	}
	return at, nil
}

// mkdir makes all of parts directories and notes that this layer needs them.
func (md *model) mkdir(parts []string, mtime tree.Time) {
	for i := range parts {
		p := join(parts[:i+1])
		if md.m[p] == nil || md.m[p].Type != tree.Directory {
			md.m[p] = implied(mtime)
			delete(md.declared, p)
			md.needed[p] = mtime
		}
		if !md.mine[p] {
			md.mine[p], md.needed[p] = true, mtime
		}
	}
}

func implied(mtime tree.Time) *object {
	return &object{Entry: tree.Entry{Type: tree.Directory, Mode: 0o755, MTime: mtime}}
}

// remove removes all below p.
func (md *model) remove(p string) {
	for q := range md.m {
		if strings.HasPrefix(q, p+"/") {
			for _, set := range []map[string]bool{md.mine, md.declared} {
				delete(set, q)
			}
			delete(md.m, q)
		}
	}
}

func (md *model) put(at []string, e *tree.Entry, diffID string) error {
	p := join(at)
	ob := &object{Entry: *e, diffID: diffID}
	depth := len(at) - 1
	switch e.Type {
	case tree.Symlink:
		if e.Target == "" {
			return flatten.ErrInvalid
		}
		ob.Mode = 0o777
		if climbsModel(e.Target, depth) {
			return flatten.ErrUnsafePath
		}
	case tree.Hardlink:
		var err error
		if ob, err = md.link(e, depth); err != nil {
			return err
		}
	}
	if e.Type != tree.Directory || md.m[p] == nil || md.m[p].Type != tree.Directory {
		md.remove(p)
	}
	md.m[p], md.mine[p] = ob, true
	delete(md.declared, p)
	if e.Type == tree.Directory {
		md.declared[p] = true
	}
	return nil
}

func climbsModel(target string, depth int) bool {
	if strings.HasPrefix(target, "/") {
		return false
	}
	at := make([]string, depth)
	for _, c := range clean(target) {
		switch {
		case c != "..":
			at = append(at, c)
		case len(at) == 0:
			return true
		default:
			at = at[:len(at)-1]
		}
	}
	return false
}

// find returns the object at a link's target.
func (md *model) find(target string) (*object, error) {
	if climbsModel(strings.TrimLeft(target, "/"), 0) {
		return nil, flatten.ErrUnsafePath
	}
	parts := clean(target)
	if len(parts) == 0 || parts[len(parts)-1] == ".." {
		return nil, flatten.ErrHardlink // a directory, or nothing
	}
	at, err := md.walk(parts[:len(parts)-1], 0)
	if err != nil {
		return nil, err
	}
	ob := md.m[join(append(at, parts[len(parts)-1]))]
	if ob != nil && ob.Type == tree.Directory {
		return nil, flatten.ErrHardlink
	}
	return ob, nil
}

func (md *model) link(e *tree.Entry, depth int) (*object, error) {
	ob, err := md.find(e.Target)
	if err != nil {
		return nil, err
	}
	if ob == nil {
		ob = &object{want: e.Target}
	}
	if ob.want != "" {
		e2 := *e
		e2.Size = int64(depth) // carried along
		md.late = append(md.late, lateLink{ob, &e2})
		return ob, nil
	}
	return ob, setAttrs(ob, e, depth)
}

func setAttrs(ob *object, e *tree.Entry, depth int) error {
	if ob.Type == tree.Symlink {
		if climbsModel(ob.Target, depth) {
			return flatten.ErrUnsafePath
		}
	} else {
		ob.Mode = e.Mode
	}
	ob.UID, ob.GID, ob.MTime = e.UID, e.GID, e.MTime
	byName := map[string]string{}
	for _, x := range slices.Concat(ob.Xattrs, e.Xattrs) {
		byName[x.Name] = x.Value
	}
	ob.Xattrs = nil
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		ob.Xattrs = append(ob.Xattrs, tree.Xattr{Name: name, Value: byName[name]})
	}
	return nil
}

// finishLinks puts the targets in the place of the objects that stood for
// them, until nothing changes any more.
func (md *model) finishLinks() error {
	to := map[*object]*object{}
	for _, l := range md.late {
		ob, err := md.find(l.ob.want)
		if err != nil {
			return err
		}
		if ob == nil {
			return flatten.ErrHardlink
		}
		to[l.ob] = ob
	}
	for range to {
		for from, ob := range to {
			if next := to[ob]; next != nil {
				to[from] = next
			}
		}
	}
	for _, l := range md.late {
		ob := to[l.ob]
		if ob.want != "" {
			return flatten.ErrHardlink
		}
		if err := setAttrs(ob, l.e, int(l.e.Size)); err != nil {
			return err
		}
	}
	for p, ob := range md.m {
		if to[ob] != nil {
			md.m[p] = to[ob]
		}
	}
	return nil
}

// whiteout removes name, or all if it is "*", from the directory at parts.
func (md *model) whiteout(parts []string, name string) error {
	at, err := md.walk(parts, 0)
	if err != nil {
		return err
	}
	under := join(at)
	if md.m[under] == nil || md.m[under].Type != tree.Directory {
		return nil
	}
	if under != "" {
		under += "/"
	}
	for p, ob := range md.m {
		below, ok := strings.CutPrefix(p, under)
		if !ok || p == "" || name != "*" && below != name && !strings.HasPrefix(below, name+"/") {
			continue
		}
		switch {
		case !md.mine[p]:
			delete(md.m, p)
		case ob.Type == tree.Directory && !md.declared[p]:
			md.m[p] = implied(md.needed[p])
		}
	}
	return nil
}
