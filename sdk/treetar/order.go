package treetar

import (
	"fmt"
	"slices"

	"banger/sdk/tree"
)

// member is one name of the archive.
type member struct {
	path  string
	typ   tree.Type // Hardlink for a further name
	link  string    // where a symlink or a further name leads
	inode *tree.Entry
}

// eachMember calls do for each name of t in the archive's order. The member
// is only valid during the call.
func eachMember(t *tree.Tree, do func(*member) error) error {
	order := make([]int, len(t.Entries))
	// The name under which an inode has come, "" before that, for those of
	// several names.
	first := make(map[string]string)
	for i := range t.Entries {
		order[i] = i
		if e := &t.Entries[i]; e.Type == tree.Hardlink {
			first[e.Target] = ""
		}
	}
	slices.SortFunc(order, func(a, b int) int { return comparePaths(t.Entries[a].Path, t.Entries[b].Path) })
	for _, i := range order {
		m, err := newMember(t, &t.Entries[i], first)
		if err != nil {
			return err
		}
		if err := do(m); err != nil {
			return err
		}
	}
	return nil
}

func newMember(t *tree.Tree, e *tree.Entry, first map[string]string) (*member, error) {
	inode := e
	if e.Type == tree.Hardlink {
		if inode = t.Lookup(e.Target); inode == nil || inode.Type == tree.Hardlink {
			return nil, fmt.Errorf("%w: hardlink %q to %q, which is no inode", tree.ErrCorrupt, e.Path, e.Target)
		}
	}
	m := &member{path: e.Path, typ: inode.Type, link: inode.Target, inode: inode}
	switch name, several := first[inode.Path]; {
	case !several:
	case name == "":
		first[inode.Path] = e.Path
	default:
		m.typ, m.link = tree.Hardlink, name
	}
	return m, nil
}

// comparePaths orders paths by their components: a slash is less than any
// other byte.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		}
		return int(a[i]) - int(b[i])
	}
	return len(a) - len(b)
}
