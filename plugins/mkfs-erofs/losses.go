package mkfserofs

import (
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// losses lists what the image does not hold of its tree, in the tree's order.
func (p *plan) losses() []sdk.Loss {
	var list []sdk.Loss
	omitted := p.omitted
	for i := range p.nodes {
		e := &p.tree.Entries[i]
		if len(omitted) > 0 && omitted[0].Entry == i {
			carrier := &p.tree.Entries[p.carrier(i)]
			list = append(list, sdk.Loss{Path: e.Path, Field: imagebuild.FieldType, Wanted: imagebuild.TypeText(carrier), Why: omitted[0].Why})
			omitted = omitted[1:]
		}
		if p.nodes[i].links > 0 {
			list = append(list, lostAttributes(e)...)
		}
	}
	return list
}

// lostAttributes lists what an inode cannot have of e's attributes.
func lostAttributes(e *tree.Entry) []sdk.Loss {
	var list []sdk.Loss
	if _, ok := device(e.DevMajor, e.DevMinor); isDevice(e.Type) && !ok {
		list = append(list, sdk.Loss{
			Path: e.Path, Field: imagebuild.FieldDevice, Wanted: imagebuild.DeviceText(e.DevMajor, e.DevMinor), Got: imagebuild.DeviceText(0, 0),
			Why: imagebuild.WhyDevice,
		})
	}
	_, lost := fitXattrs(e)
	for _, x := range lost {
		list = append(list, sdk.Loss{Path: e.Path, Field: imagebuild.FieldXattr(x.Name), Wanted: x.Value, Why: x.why})
	}
	return list
}
