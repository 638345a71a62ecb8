package mkfse2fs

import (
	"fmt"
	"strings"

	"banger/internal/ext4"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses knows the reasons of differences between the tree and the image.
type losses struct {
	staged []sdk.Loss
	why    map[lossKey]string
	absent map[lossKey]bool // not staged at all
}

type lossKey struct{ path, field string }

func newLosses(staged []sdk.Loss) *losses {
	l := &losses{staged: staged, why: make(map[lossKey]string), absent: make(map[lossKey]bool)}
	for _, s := range staged {
		k := lossKey{s.Path, s.Field}
		l.why[k] = s.Why
		l.absent[k] = s.Got == ""
	}
	return l
}

// unstaged reports whether an xattr is not in the staged directory.
func (l *losses) unstaged(path, xattr string) bool {
	return l.absent[lossKey{path, imagebuild.FieldXattr(xattr)}]
}

// because notes the reason of a difference.
func (l *losses) because(path, field, why string) { l.why[lossKey{path, field}] = why }

// explain turns the differences between the tree and the image into losses
// with reasons, and adds what staging lost and no comparison shows. Names
// that are missing for no known reason are an error.
func (l *losses) explain(t *tree.Tree, diffs []sdk.Loss) ([]sdk.Loss, error) {
	for i := range diffs {
		d := &diffs[i]
		e := t.Lookup(d.Path)
		first := e
		if e.Type == tree.Hardlink {
			first = t.Lookup(e.Target)
		}
		d.Why = l.reason(e, first, d)
		if d.Field == imagebuild.FieldType && d.Why == "" {
			return nil, fmt.Errorf("read the image back: mkfs.ext4 has left out %q", d.Path)
		}
	}
	for _, s := range l.staged {
		if !compared(s.Field) {
			diffs = append(diffs, s)
		}
	}
	return diffs, nil
}

// reason returns why e, whose attributes first has, differs.
func (l *losses) reason(e, first *tree.Entry, d *sdk.Loss) string {
	for _, path := range []string{e.Path, first.Path} {
		if why := l.why[lossKey{path, d.Field}]; why != "" {
			return why
		}
	}
	name, isXattr := strings.CutPrefix(d.Field, imagebuild.FieldXattr(""))
	switch {
	case d.Field == imagebuild.FieldType:
		return ""
	case d.Field == imagebuild.FieldMTime:
		return mtimeReason(first.MTime)
	case d.Field == imagebuild.FieldLinks:
		return "mkfs.ext4 copies a symlink for each of its names"
	case d.Field == imagebuild.FieldOwner && e.Path == "":
		return "mkfs.ext4 is told to give the root directory to 0:0"
	case isXattr:
		for _, x := range ext4.FitXattrs(first).Lost {
			if x.Name == name {
				return x.Why
			}
		}
	}
	return "mkfs.ext4 does not keep it"
}

func mtimeReason(t tree.Time) string {
	if t.Sec < -1<<31 || t.Sec > 1<<31-1 {
		return "mkfs.ext4 keeps times from 1901 to 2038"
	}
	return "mkfs.ext4 keeps whole seconds"
}

// compared reports whether a comparison of the tree with the image shows
// losses of a field.
func compared(field string) bool {
	switch field {
	case imagebuild.FieldType, imagebuild.FieldLinks, imagebuild.FieldOwner, imagebuild.FieldMode, imagebuild.FieldMTime, imagebuild.FieldDevice:
		return true
	}
	return strings.HasPrefix(field, imagebuild.FieldXattr(""))
}
