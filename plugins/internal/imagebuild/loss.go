package imagebuild

import (
	"fmt"
	"time"

	"banger/sdk/tree"
)

// The fields of losses.
const (
	FieldType   = "type"
	FieldLinks  = "links"
	FieldOwner  = "owner"
	FieldMode   = "mode"
	FieldMTime  = "mtime"
	FieldDevice = "device"
)

// FieldXattr is the field of a loss about the named xattr.
func FieldXattr(name string) string { return "xattr:" + name }

// NoLinkText is what losses show of a name that should be a hardlink and is
// not.
const NoLinkText = "an inode of its own"

// LinkText is a hardlink to e as losses show it.
func LinkText(e *tree.Entry) string { return "a hardlink to /" + e.Path }

// WhyDevice is the reason of losses of device numbers beyond 4095:1048575.
const WhyDevice = "Linux has no such device number"

// OwnerText is an owner as losses show it.
func OwnerText(uid, gid uint32) string { return fmt.Sprintf("%d:%d", uid, gid) }

// ModeText is a mode as losses show it, without the type bits.
func ModeText(mode uint32) string { return fmt.Sprintf("%04o", mode&0o7777) }

// DeviceText is a device number as losses show it.
func DeviceText(major, minor uint32) string { return fmt.Sprintf("%d:%d", major, minor) }

// TimeText is a time as losses show it, to the nanosecond.
func TimeText(t tree.Time) string { return t.Time().Format(time.RFC3339Nano) }

// TypeText is a type as losses show it, with a device's number.
func TypeText(e *tree.Entry) string {
	if e.Type == tree.CharDevice || e.Type == tree.BlockDevice {
		return e.Type.String() + " " + DeviceText(e.DevMajor, e.DevMinor)
	}
	return e.Type.String()
}
