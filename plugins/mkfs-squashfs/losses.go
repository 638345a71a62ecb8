package mkfssquashfs

import (
	"math"
	"slices"

	"banger/internal/xattr"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses lists what squashfs 4.0 has no place for: its inodes have an unsigned
// 32-bit time of whole seconds, and its xattr entries three prefixes
// (Documentation/filesystems/squashfs.rst, fs/squashfs/squashfs_fs.h). What
// Linux would not show is lost, too.
func losses(t *tree.Tree) []sdk.Loss {
	var list []sdk.Loss
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Type == tree.Hardlink {
			continue
		}
		if kept := clampTime(e.MTime); kept != e.MTime {
			list = append(list, sdk.Loss{
				Path: e.Path, Field: imagebuild.FieldMTime, Wanted: imagebuild.TimeText(e.MTime), Got: imagebuild.TimeText(kept),
				Why: "squashfs keeps whole seconds from 1970 to 2106",
			})
		}
		for i := range e.Xattrs {
			x := &e.Xattrs[i]
			if why := lostXattr(e, x); why != "" {
				list = append(list, sdk.Loss{Path: e.Path, Field: imagebuild.FieldXattr(x.Name), Wanted: x.Value, Why: why})
			}
		}
	}
	return list
}

// keepable returns t without the xattrs that squashfs has no place for: tar2sqfs
// refuses a tar with them.
func keepable(t *tree.Tree) *tree.Tree {
	kept := &tree.Tree{Layers: t.Layers, Entries: slices.Clone(t.Entries)}
	for i := range kept.Entries {
		e := &kept.Entries[i]
		refused := func(x tree.Xattr) bool { return lostXattr(e, &x) != "" }
		if slices.ContainsFunc(e.Xattrs, refused) {
			e.Xattrs = slices.DeleteFunc(slices.Clone(e.Xattrs), refused)
		}
	}
	return kept
}

func clampTime(m tree.Time) tree.Time {
	return tree.Time{Sec: min(max(m.Sec, 0), math.MaxUint32)}
}

// lostXattr returns why squashfs has no place for an xattr of e, "" if it has.
func lostXattr(e *tree.Entry, x *tree.Xattr) string {
	if xattr.IsACL(x.Name) {
		return "squashfs keeps user.*, trusted.* and security.*"
	}
	_, why := xattr.Store(e.Type, x)
	return why
}
