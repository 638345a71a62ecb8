package mkfsext4

import (
	"banger/internal/ext4"
	"banger/plugins/internal/ext4build"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses lists what the image does not hold of t, in the tree's order.
func losses(t *tree.Tree, plan *ext4.Plan) []sdk.Loss {
	var list []sdk.Loss
	omitted := plan.Omitted()
	for i := range t.Entries {
		e := &t.Entries[i]
		first := ext4build.Target(t, i)
		switch {
		case len(omitted) > 0 && omitted[0].Entry == i:
			list = append(list, sdk.Loss{Path: e.Path, Field: ext4build.FieldType, Wanted: ext4build.TypeText(&t.Entries[first]), Why: omitted[0].Why})
			omitted = omitted[1:]
		case first == i:
			list = append(list, lostAttributes(e)...)
		case plan.Inode(i) != plan.Inode(first):
			list = append(list, sdk.Loss{
				Path: e.Path, Field: ext4build.FieldLinks, Wanted: ext4build.LinkText(&t.Entries[first]), Got: ext4build.NoLinkText,
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
			Path: e.Path, Field: ext4build.FieldMTime, Wanted: ext4build.TimeText(e.MTime), Got: ext4build.TimeText(nearest),
			Why: ext4build.WhyTime,
		})
	}
	if _, _, ok := ext4.Device(e.DevMajor, e.DevMinor); ext4.IsDevice(e.Type) && !ok {
		list = append(list, sdk.Loss{
			Path: e.Path, Field: ext4build.FieldDevice, Wanted: ext4build.DeviceText(e.DevMajor, e.DevMinor), Got: ext4build.DeviceText(0, 0),
			Why: ext4build.WhyDevice,
		})
	}
	if len(e.Xattrs) == 0 {
		return list
	}
	for _, x := range ext4.FitXattrs(e).Lost {
		list = append(list, sdk.Loss{Path: e.Path, Field: ext4build.FieldXattr(x.Name), Wanted: x.Value, Why: x.Why})
	}
	return list
}
