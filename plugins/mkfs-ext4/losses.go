package mkfsext4

import (
	"banger/internal/ext4"
	"banger/plugins/internal/ext4build"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses lists what the image does not hold of t, in the tree's order.
func losses(t *tree.Tree, plan *ext4.Plan) []sdk.Loss {
	var list []sdk.Loss
	omitted := plan.Omitted()
	for i := range t.Entries {
		e := &t.Entries[i]
		first := imagebuild.Target(t, i)
		switch {
		case len(omitted) > 0 && omitted[0].Entry == i:
			list = append(list, sdk.Loss{Path: e.Path, Field: imagebuild.FieldType, Wanted: imagebuild.TypeText(&t.Entries[first]), Why: omitted[0].Why})
			omitted = omitted[1:]
		case first == i:
			list = append(list, lostAttributes(e)...)
		case plan.Inode(i) != plan.Inode(first):
			list = append(list, sdk.Loss{
				Path: e.Path, Field: imagebuild.FieldLinks, Wanted: imagebuild.LinkText(&t.Entries[first]), Got: imagebuild.NoLinkText,
				Why: "an inode of ext4 has at most 65000 names",
			})
		}
	}
	return list
}

// lostAttributes lists what an inode cannot have of e's attributes.
func lostAttributes(e *tree.Entry) []sdk.Loss {
	var list []sdk.Loss
	if nearest, ok := ext4.Time(e.MTime); !ok {
		list = append(list, sdk.Loss{
			Path: e.Path, Field: imagebuild.FieldMTime, Wanted: imagebuild.TimeText(e.MTime), Got: imagebuild.TimeText(nearest),
			Why: ext4build.WhyTime,
		})
	}
	if _, _, ok := ext4.Device(e.DevMajor, e.DevMinor); ext4.IsDevice(e.Type) && !ok {
		list = append(list, sdk.Loss{
			Path: e.Path, Field: imagebuild.FieldDevice, Wanted: imagebuild.DeviceText(e.DevMajor, e.DevMinor), Got: imagebuild.DeviceText(0, 0),
			Why: imagebuild.WhyDevice,
		})
	}
	if len(e.Xattrs) == 0 {
		return list
	}
	for _, x := range ext4.FitXattrs(e).Lost {
		list = append(list, sdk.Loss{Path: e.Path, Field: imagebuild.FieldXattr(x.Name), Wanted: x.Value, Why: x.Why})
	}
	return list
}
