package mkfsdebugfs

import (
	"strings"

	"banger/internal/ext4"
	"banger/plugins/internal/e2fsprogs"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/imagebuild"
	"banger/sdk/tree"
)

// reason returns why the image cannot hold a field of e, "" if it can.
func reason(e *tree.Entry, field string) string {
	switch field {
	case imagebuild.FieldMTime:
		if _, ok := ext4.Time(e.MTime); !ok {
			return ext4build.WhyTime
		}
	case imagebuild.FieldDevice:
		if _, _, ok := ext4.Device(e.DevMajor, e.DevMinor); !ok {
			return imagebuild.WhyDevice
		}
	}
	name, isXattr := strings.CutPrefix(field, imagebuild.FieldXattr(""))
	if !isXattr {
		return ""
	}
	for _, x := range ext4.FitXattrs(e).Lost {
		if x.Name == name {
			return x.Why
		}
	}
	if !e2fsprogs.Sayable(name) {
		return "debugfs cannot be told the name"
	}
	return ""
}
