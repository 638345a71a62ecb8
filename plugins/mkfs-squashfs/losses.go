package mkfssquashfs

import (
	"math"
	"strings"

	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses lists what squashfs 4.0 has no place for: its inodes have an unsigned
// 32-bit time of whole seconds, and its xattr entries three prefixes
// (Documentation/filesystems/squashfs.rst, fs/squashfs/squashfs_fs.h).
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
		for _, x := range e.Xattrs {
			if !keepsXattr(x.Name) {
				list = append(list, sdk.Loss{Path: e.Path, Field: imagebuild.FieldXattr(x.Name), Wanted: x.Value, Why: "squashfs keeps user.*, trusted.* and security.*"})
			}
		}
	}
	return list
}

func clampTime(m tree.Time) tree.Time {
	return tree.Time{Sec: min(max(m.Sec, 0), math.MaxUint32)}
}

func keepsXattr(name string) bool {
	for _, prefix := range []string{"user.", "trusted.", "security."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
