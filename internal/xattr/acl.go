package xattr

import (
	"encoding/binary"
	"errors"
)

// A POSIX ACL as getxattr(2) shows it, and as erofs stores it, is a version, 2,
// and entries of 8 bytes: tag, permissions, id. On an ext4 disk it is a version, 1, and entries of 8
// bytes with an id or 4 without.
const (
	aclXattrVersion = 2
	aclDiskVersion  = 1

	aclUserObj, aclUser, aclGroupObj, aclGroup, aclMask, aclOther = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

	aclNoID = 0xffffffff
)

var errACL = errors.New("not a POSIX ACL")

// ACLToDisk converts an ACL from the form of getxattr(2) to that of an ext4 disk.
func ACLToDisk(x string) (string, error) {
	if len(x) < 12 || (len(x)-4)%8 != 0 || le32(x) != aclXattrVersion {
		return "", errACL
	}
	out := binary.LittleEndian.AppendUint32(nil, aclDiskVersion)
	for x = x[4:]; len(x) > 0; x = x[8:] {
		switch binary.LittleEndian.Uint16([]byte(x)) {
		case aclUserObj, aclGroupObj, aclMask, aclOther:
			out = append(out, x[:4]...)
		case aclUser, aclGroup:
			out = append(out, x[:8]...)
		default:
			return "", errACL
		}
	}
	return string(out), nil
}

// ACLFromDisk converts an ACL from the form of an ext4 disk to that of
// getxattr(2).
func ACLFromDisk(d string) (string, error) {
	if len(d) < 4 || le32(d) != aclDiskVersion {
		return "", errACL
	}
	out := binary.LittleEndian.AppendUint32(nil, aclXattrVersion)
	for d = d[4:]; len(d) > 0; {
		if len(d) < 4 {
			return "", errACL
		}
		tag := binary.LittleEndian.Uint16([]byte(d))
		if tag == aclUser || tag == aclGroup {
			if len(d) < 8 {
				return "", errACL
			}
			out, d = append(out, d[:8]...), d[8:]
			continue
		}
		out, d = append(out, d[:4]...), d[4:]
		out = binary.LittleEndian.AppendUint32(out, aclNoID)
	}
	return string(out), nil
}

func le32(s string) uint32 { return binary.LittleEndian.Uint32([]byte(s[:4])) }
