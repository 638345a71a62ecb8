package flatten

import (
	"cmp"
	"slices"
	"strings"

	"banger/sdk/tree"
)

func compareXattr(x tree.Xattr, name string) int { return cmp.Compare(x.Name, name) }

// sortedXattrs returns x in the order of its names, the last of equal names
// only. It changes nothing of x.
func sortedXattrs(x []tree.Xattr) []tree.Xattr {
	for i := 1; i < len(x); i++ {
		if x[i-1].Name >= x[i].Name {
			return sortXattrs(slices.Clone(x))
		}
	}
	return x
}

func sortXattrs(x []tree.Xattr) []tree.Xattr {
	slices.SortStableFunc(x, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	out := x[:0]
	for _, a := range x {
		if n := len(out); n > 0 && out[n-1].Name == a.Name {
			out[n-1] = a
		} else {
			out = append(out, a)
		}
	}
	return out
}

// setXattrs sets each of x on a, as setxattr(2) does: by name, leaving the
// others. What a shares with an index is copied first, once.
func (a *attrs) setXattrs(x []tree.Xattr) error {
	if len(x) == 0 {
		return nil
	}
	if !a.ownXattrs {
		a.xattrs, a.ownXattrs = slices.Clone(sortedXattrs(a.xattrs)), true
	}
	for _, v := range x {
		i, found := slices.BinarySearchFunc(a.xattrs, v.Name, compareXattr)
		if found {
			a.xattrs[i].Value = v.Value
			continue
		}
		if a.addedNames += len(v.Name) + 1; a.addedNames > maxXattrs {
			return limit("", "hardlinks add more than %d bytes of xattr names to one inode", maxXattrs)
		}
		a.xattrs = slices.Insert(a.xattrs, i, v)
	}
	return nil
}
