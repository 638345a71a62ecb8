package ext4_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"banger/internal/ext4"
	"banger/internal/xattr"
	"banger/sdk/tree"
)

func TestTimes(t *testing.T) {
	const hole = 3<<32 - 1<<31
	for name, c := range map[string]struct {
		in, out tree.Time
		ok      bool
	}{
		"epoch":            {tree.Time{}, tree.Time{}, true},
		"second before":    {tree.Time{Sec: -1, Nsec: 999999999}, tree.Time{Sec: -1, Nsec: 999999999}, true},
		"first":            {tree.Time{Sec: -1 << 31}, tree.Time{Sec: -1 << 31}, true},
		"before the first": {tree.Time{Sec: -1<<31 - 1, Nsec: 5}, tree.Time{Sec: -1 << 31}, false},
		"2038":             {tree.Time{Sec: 1 << 31}, tree.Time{Sec: 1 << 31}, true},
		"before the hole":  {tree.Time{Sec: hole - 1}, tree.Time{Sec: hole - 1}, true},
		"in the hole":      {tree.Time{Sec: hole}, tree.Time{Sec: hole - 1, Nsec: 999999999}, false},
		"end of the hole":  {tree.Time{Sec: 3<<32 - 1}, tree.Time{Sec: hole - 1, Nsec: 999999999}, false},
		"after the hole":   {tree.Time{Sec: 3 << 32}, tree.Time{Sec: 3 << 32}, true},
		"last":             {tree.Time{Sec: 15032385535, Nsec: 1}, tree.Time{Sec: 15032385535, Nsec: 1}, true},
		"after the last":   {tree.Time{Sec: 15032385536}, tree.Time{Sec: 15032385535, Nsec: 999999999}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if out, ok := ext4.Time(c.in); out != c.out || ok != c.ok {
				t.Errorf("got %v, %t", out, ok)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		in := tree.Time{Sec: rapid.Int64Range(-1<<31, 15032385535).Draw(t, "s"), Nsec: rapid.Uint32Range(0, 999999999).Draw(t, "ns")}
		if got := ext4.DecodeTime(ext4.EncodeTime(in)); got != in {
			t.Errorf("%v becomes %v", in, got)
		}
	})
}

func TestDevices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		major, minor := rapid.Uint32Range(0, 5000).Draw(t, "major"), rapid.Uint32Range(0, 1<<20+5).Draw(t, "minor")
		b0, b1, ok := ext4.Device(major, minor)
		if want := major < 1<<12 && minor < 1<<20; ok != want {
			t.Fatalf("ok is %t", ok)
		}
		if gotMajor, gotMinor := ext4.DeviceOf(b0, b1); ok && (gotMajor != major || gotMinor != minor) {
			t.Errorf("%d:%d becomes %d:%d", major, minor, gotMajor, gotMinor)
		}
		if b0 != 0 && b1 != 0 {
			t.Errorf("both fields are set: %#x, %#x", b0, b1)
		}
	})
}

func TestTypes(t *testing.T) {
	for typ, bits := range map[tree.Type]uint32{
		tree.Regular: unix.S_IFREG, tree.Directory: unix.S_IFDIR, tree.Symlink: unix.S_IFLNK,
		tree.CharDevice: unix.S_IFCHR, tree.BlockDevice: unix.S_IFBLK, tree.Fifo: unix.S_IFIFO,
	} {
		if ext4.TypeBits(typ) != bits || ext4.TypeOf(bits|0o4755) != typ {
			t.Errorf("%s: bits %#o, and %#o is a %s", typ, ext4.TypeBits(typ), bits, ext4.TypeOf(bits))
		}
	}
	if ext4.TypeBits(tree.Hardlink) != 0 || ext4.TypeOf(unix.S_IFSOCK) != 0 || ext4.TypeOf(0o755) != 0 {
		t.Error("there are types that no tree has")
	}
}

// acl has an owner, user 1000, group, mask and other; its unnamed entries
// have ids that the kernel does not keep.
const (
	acl = "\x02\x00\x00\x00" + "\x01\x00\x07\x00\x00\x00\x00\x00" + "\x02\x00\x04\x00\xe8\x03\x00\x00" +
		"\x04\x00\x05\x00\x00\x00\x00\x00" + "\x10\x00\x05\x00\x00\x00\x00\x00" + "\x20\x00\x00\x00\x00\x00\x00\x00"
	shownACL = "\x02\x00\x00\x00" + "\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\xe8\x03\x00\x00" +
		"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x05\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
)

func TestFitXattrs(t *testing.T) {
	long := func(n int) string { return strings.Repeat("v", n) }
	for name, c := range map[string]struct {
		typ   tree.Type
		in    []tree.Xattr
		kept  string
		block bool
	}{
		"none":              {tree.Regular, nil, "", false},
		"in the inode":      {tree.Regular, []tree.Xattr{{Name: "user.a", Value: long(68)}}, "user.a", false},
		"beyond the inode":  {tree.Regular, []tree.Xattr{{Name: "user.a", Value: long(69)}}, "user.a", true},
		"full block":        {tree.Regular, []tree.Xattr{{Name: "user.a", Value: long(4040)}}, "user.a", true},
		"beyond the block":  {tree.Regular, []tree.Xattr{{Name: "user.a", Value: long(4041)}}, "", false},
		"small after large": {tree.Regular, []tree.Xattr{{Name: "user.a", Value: long(5000)}, {Name: "user.b", Value: "b"}}, "user.b", false},
		"no namespace":      {tree.Regular, []tree.Xattr{{Name: "foo", Value: "x"}, {Name: "gnu.x"}, {Name: "system.x"}, {Name: "user."}, {Name: "system.posix_acl_accessx"}}, "", false},
		"long name":         {tree.Regular, []tree.Xattr{{Name: "user." + long(250)}}, "user." + long(250), true},
		"too long name":     {tree.Regular, []tree.Xattr{{Name: "user." + long(251)}}, "", false},
		"user on symlink":   {tree.Symlink, []tree.Xattr{{Name: "trusted.a"}, {Name: "user.a"}}, "trusted.a", false},
		"user on directory": {tree.Directory, []tree.Xattr{{Name: "user.a"}}, "user.a", false},
		"default ACL":       {tree.Directory, []tree.Xattr{{Name: xattr.ACLDefault, Value: acl}}, xattr.ACLDefault, false},
		"of a file":         {tree.Regular, []tree.Xattr{{Name: xattr.ACLDefault, Value: acl}}, "", false},
		"of a symlink":      {tree.Symlink, []tree.Xattr{{Name: xattr.ACLAccess, Value: acl}}, "", false},
		"bad ACLs": {tree.Regular, []tree.Xattr{
			{Name: xattr.ACLAccess, Value: ""},
			{Name: xattr.ACLAccess, Value: acl[:4]},
			{Name: xattr.ACLAccess, Value: acl[:13]},
			{Name: xattr.ACLAccess, Value: "\x01" + acl[1:]},
			{Name: xattr.ACLAccess, Value: acl[:4] + "\x03\x00\x07\x00\x00\x00\x00\x00"},
		}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			fit := ext4.FitXattrs(&tree.Entry{Type: c.typ, Xattrs: c.in})
			var kept []string
			for _, x := range fit.Kept {
				kept = append(kept, x.Name)
			}
			if got := strings.Join(kept, " "); got != c.kept || fit.Block != c.block || len(fit.Lost)+len(fit.Kept) != len(c.in) {
				t.Errorf("kept %q, block %t, lost %v", got, fit.Block, fit.Lost)
			}
			for _, l := range fit.Lost {
				if l.Why == "" {
					t.Errorf("%q is lost for no reason", l.Name)
				}
			}
		})
	}
}

func TestACLAsShown(t *testing.T) {
	fit := ext4.FitXattrs(&tree.Entry{Type: tree.Regular, Xattrs: []tree.Xattr{{Name: xattr.ACLAccess, Value: acl}}})
	if len(fit.Kept) != 1 || fit.Kept[0].Value != shownACL {
		t.Errorf("got %q", fit.Kept)
	}
}
