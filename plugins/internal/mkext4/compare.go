package mkext4

import (
	"context"
	"fmt"

	"banger/internal/ext4"
	"banger/plugins/internal/imagebuild"
	"banger/sdk"
	"banger/sdk/tree"
)

// Compare returns where img differs from t: losses without a reason, in the
// order of the tree. A file's size and a symlink's target must be right;
// other contents are not read. The mode of a symlink does not count, since
// Linux has none.
func Compare(ctx context.Context, img *ext4.Image, t *tree.Tree, m *Match) ([]sdk.Loss, error) {
	c := comparer{img: img, tree: t, match: m}
	for i := range t.Entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.entry(i); err != nil {
			return nil, fmt.Errorf("compare %q with the image: %w", t.Entries[i].Path, err)
		}
	}
	return c.diffs, nil
}

type comparer struct {
	img   *ext4.Image
	tree  *tree.Tree
	match *Match
	diffs []sdk.Loss
}

func (c *comparer) differ(e *tree.Entry, field, want, got string) {
	if want != got {
		c.diffs = append(c.diffs, sdk.Loss{Path: e.Path, Field: field, Wanted: want, Got: got})
	}
}

func (c *comparer) entry(i int) error {
	e := &c.tree.Entries[i]
	first := imagebuild.Target(c.tree, i)
	carrier := &c.tree.Entries[first]
	n := c.match.Inodes[i]
	switch {
	case n == 0:
		c.differ(e, imagebuild.FieldType, imagebuild.TypeText(carrier), "")
		return nil
	case first != i && n == c.match.Inodes[first]:
		return nil
	case first != i:
		c.differ(e, imagebuild.FieldLinks, imagebuild.LinkText(carrier), imagebuild.NoLinkText)
	}
	inode, err := c.img.Inode(n)
	if err != nil {
		return err
	}
	if inode.Type() != carrier.Type {
		return fmt.Errorf("it has mode %#o there, not that of a %s", inode.Mode, carrier.Type)
	}
	if err := c.content(carrier, &inode); err != nil {
		return err
	}
	return c.attributes(e, carrier, &inode)
}

// content checks what must never be wrong.
func (c *comparer) content(e *tree.Entry, inode *ext4.Inode) error {
	switch e.Type {
	case tree.Regular:
		if inode.Size != e.Size {
			return fmt.Errorf("it has %d bytes there, not %d", inode.Size, e.Size)
		}
	case tree.Symlink:
		target, err := c.img.Readlink(inode)
		if err != nil {
			return err
		}
		if target != e.Target {
			return fmt.Errorf("it is a symlink to %q there, not to %q", target, e.Target)
		}
	}
	return nil
}

// attributes compares the inode of the name e with carrier, which has its
// attributes in the tree.
func (c *comparer) attributes(e, carrier *tree.Entry, inode *ext4.Inode) error {
	c.differ(e, imagebuild.FieldOwner, imagebuild.OwnerText(carrier.UID, carrier.GID), imagebuild.OwnerText(inode.UID, inode.GID))
	if carrier.Type != tree.Symlink {
		c.differ(e, imagebuild.FieldMode, imagebuild.ModeText(carrier.Mode), imagebuild.ModeText(inode.Mode))
	}
	c.differ(e, imagebuild.FieldMTime, imagebuild.TimeText(carrier.MTime), imagebuild.TimeText(inode.MTime))
	if ext4.IsDevice(carrier.Type) {
		major, minor := inode.Device()
		c.differ(e, imagebuild.FieldDevice, imagebuild.DeviceText(carrier.DevMajor, carrier.DevMinor), imagebuild.DeviceText(major, minor))
	}
	return c.xattrs(e, carrier, inode)
}

func (c *comparer) xattrs(e, carrier *tree.Entry, inode *ext4.Inode) error {
	there, err := c.img.Xattrs(inode)
	if err != nil {
		return err
	}
	got := make(map[string]string, len(there))
	for _, x := range there {
		got[x.Name] = x.Value
	}
	fit := ext4.FitXattrs(carrier)
	for _, x := range fit.Kept {
		value, ok := got[x.Name]
		delete(got, x.Name)
		if !ok || value != x.Value {
			c.diffs = append(c.diffs, sdk.Loss{Path: e.Path, Field: imagebuild.FieldXattr(x.Name), Wanted: x.Value, Got: value})
		}
	}
	for _, x := range fit.Lost {
		value := got[x.Name]
		delete(got, x.Name)
		c.diffs = append(c.diffs, sdk.Loss{Path: e.Path, Field: imagebuild.FieldXattr(x.Name), Wanted: x.Value, Got: value})
	}
	for name, value := range got {
		return fmt.Errorf("it has the xattr %q = %q there, which is not the tree's", name, value)
	}
	return nil
}
