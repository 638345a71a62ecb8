package mkfsext4

import (
	"banger/internal/ext4"
	"banger/plugins/internal/mkext4"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses lists what the image does not hold of t, in the tree's order.
func losses(t *tree.Tree, plan *ext4.Plan) []sdk.Loss {
	var list []sdk.Loss
	omitted := plan.Omitted()
	for i := range t.Entries {
		e := &t.Entries[i]
		first := mkext4.Target(t, i)
		switch {
		case len(omitted) > 0 && omitted[0].Entry == i:
			list = append(list, sdk.Loss{Path: e.Path, Field: mkext4.FieldType, Wanted: mkext4.TypeText(&t.Entries[first]), Why: omitted[0].Why})
			omitted = omitted[1:]
		case first == i:
			list = append(list, lostAttributes(e)...)
		case plan.Inode(i) != plan.Inode(first):
			list = append(list, sdk.Loss{
				Path: e.Path, Field: mkext4.FieldLinks, Wanted: mkext4.LinkText(&t.Entries[first]), Got: mkext4.NoLinkText,
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
			Path: e.Path, Field: mkext4.FieldMTime, Wanted: mkext4.TimeText(e.MTime), Got: mkext4.TimeText(nearest),
			Why: mkext4.WhyTime,
		})
	}
	if _, _, ok := ext4.Device(e.DevMajor, e.DevMinor); ext4.IsDevice(e.Type) && !ok {
		list = append(list, sdk.Loss{
			Path: e.Path, Field: mkext4.FieldDevice, Wanted: mkext4.DeviceText(e.DevMajor, e.DevMinor), Got: mkext4.DeviceText(0, 0),
			Why: mkext4.WhyDevice,
		})
	}
	if len(e.Xattrs) == 0 {
		return list
	}
	for _, x := range ext4.FitXattrs(e).Lost {
		list = append(list, sdk.Loss{Path: e.Path, Field: mkext4.FieldXattr(x.Name), Wanted: x.Value, Why: x.Why})
	}
	return list
}
