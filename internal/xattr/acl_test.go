package xattr_test

import (
	"testing"

	"banger/internal/xattr"
)

func FuzzACLFromDisk(f *testing.F) {
	f.Add("")
	f.Add("\x01\x00\x00\x00\x01\x00\x07\x00\x02\x00\x04\x00\xe8\x03\x00\x00")
	f.Add("\x01\x00\x00\x00\x02\x00\x04\x00\xe8")
	f.Fuzz(func(t *testing.T, d string) {
		x, err := xattr.ACLFromDisk(d)
		if err == nil && (len(x)-4)%8 != 0 {
			t.Errorf("%q becomes %q", d, x)
		}
	})
}
