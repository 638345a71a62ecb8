package buildtest

import (
	"fmt"
	"math"
	"strings"

	"banger/internal/treetest"
	"banger/sdk/tree"
)

// Values of system.posix_acl_access and _default as getxattr(2) shows them:
// user::rwx, user:1000:r--, group::r-x, mask::r-x, other::---.
const acl = "\x02\x00\x00\x00" +
	"\x01\x00\x07\x00\xff\xff\xff\xff" + "\x02\x00\x04\x00\xe8\x03\x00\x00" +
	"\x04\x00\x05\x00\xff\xff\xff\xff" + "\x10\x00\x05\x00\xff\xff\xff\xff" +
	"\x20\x00\x00\x00\xff\xff\xff\xff"

// capability is a security.capability: cap_net_raw=ep.
const capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// nasty are names that have broken somebody's tools.
var nasty = []string{
	"new\nline", "\n", "\r", "tab\there", `quo"te`, `"`, "it's", `back\slash`, "<12>", "-x", "--", "#hash", " ", "  sp ace  ",
	"\xff\xfe not utf-8", "\x01\x7f", "*", "$(id)", "ä日本", strings.Repeat("n", 255), strings.Repeat("\n", 255), "...", "a;b", "0", "1", "lost+found2",
}

// everything is a tree with all that ext4 can hold.
func everything(b *treetest.Builder) {
	b.Add(tree.Entry{Type: tree.Directory, Mode: 0o751, UID: 3, GID: 4, MTime: tree.Time{Sec: 1600000000, Nsec: 7}, Xattrs: []tree.Xattr{{Name: "trusted.root", Value: "r"}, {Name: "user.root", Value: "x"}}})
	names(b)
	modes(b)
	owners(b)
	times(b)
	xattrs(b)
	contents(b)
	devices(b)
	links(b)
}

func names(b *treetest.Builder) {
	for _, parent := range []string{"", "dir\nwith\tname", "a", "a-b", "a.b"} {
		prefix := ""
		if parent != "" {
			b.Dir(parent)
			prefix = parent + "/"
		}
		for i, n := range nasty {
			path := prefix + n
			switch i % 5 {
			case 0:
				b.File(path, n)
			case 1:
				b.Add(tree.Entry{Path: path, Type: tree.Symlink, Mode: 0o777, Target: n})
			case 2:
				b.Add(tree.Entry{Path: path, Type: tree.CharDevice, Mode: 0o600, DevMajor: uint32(i), DevMinor: 3, UID: 1})
			case 3:
				b.Dir(path)
				b.File(path+"/"+n, "below")
			case 4:
				b.Add(tree.Entry{Path: path, Type: tree.Fifo, Mode: 0o640})
			}
		}
	}
}

func modes(b *treetest.Builder) {
	b.Dir("modes")
	for bit := range 13 {
		mode := uint32(1) << bit & 0o7777
		b.Content(tree.Entry{Path: fmt.Sprintf("modes/f%04o", mode), Mode: mode}, "x")
		b.Add(tree.Entry{Path: fmt.Sprintf("modes/d%04o", mode), Type: tree.Directory, Mode: mode})
		b.File(fmt.Sprintf("modes/d%04o/below", mode), "y")
	}
	b.Add(tree.Entry{Path: "modes/sticky", Type: tree.Directory, Mode: 0o7777})
	b.Content(tree.Entry{Path: "modes/all", Mode: 0o7777, UID: 10, GID: 11}, "x")
}

func owners(b *treetest.Builder) {
	b.Dir("owners")
	for _, id := range []uint32{0, 1, 65534, 65535, 65536, 1 << 21, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32 - 1} {
		b.Content(tree.Entry{Path: fmt.Sprintf("owners/f%d", id), Mode: 0o644, UID: id, GID: id / 2}, "x")
		b.Add(tree.Entry{Path: fmt.Sprintf("owners/l%d", id), Type: tree.Symlink, Mode: 0o777, UID: id, GID: id / 2, Target: "x"})
	}
}

// The borders of what ext4 can hold, in seconds.
const (
	firstTime   = -1 << 31
	beforeHole  = 3<<32 - 1<<31 - 1
	afterHole   = 3 << 32
	lastTime    = 3<<32 + 1<<31 - 1
	nanoseconds = 999_999_999
)

func times(b *treetest.Builder) {
	b.Dir("times")
	for i, s := range []int64{firstTime, -2, -1, 0, 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, math.MaxUint32 + 1, 1 << 33, beforeHole, afterHole, lastTime} {
		for _, nsec := range []uint32{0, 1, nanoseconds} {
			b.Content(tree.Entry{Path: fmt.Sprintf("times/f%d-%d", i, nsec), Mode: 0o644, MTime: tree.Time{Sec: s, Nsec: nsec}}, "x")
		}
		b.Add(tree.Entry{Path: fmt.Sprintf("times/d%d", i), Type: tree.Directory, Mode: 0o755, MTime: tree.Time{Sec: s, Nsec: 5}})
		b.Add(tree.Entry{Path: fmt.Sprintf("times/l%d", i), Type: tree.Symlink, Mode: 0o777, Target: "x", MTime: tree.Time{Sec: s, Nsec: 6}})
	}
}

func xattrs(b *treetest.Builder) {
	big := strings.Repeat("v", 3900)
	b.Add(tree.Entry{Path: "xattrs", Type: tree.Directory, Mode: 0o750, Xattrs: []tree.Xattr{
		{Name: "system.posix_acl_access", Value: acl}, {Name: "system.posix_acl_default", Value: acl},
	}})
	for _, f := range []struct {
		name string
		list []tree.Xattr
	}{
		{"small", []tree.Xattr{{Name: "user.a", Value: "1"}}},
		{"empty", []tree.Xattr{{Name: "user.empty", Value: ""}}},
		{"nul", []tree.Xattr{{Name: "user.nul", Value: "a\x00b\n\"\\"}}},
		{"capability", []tree.Xattr{{Name: "security.capability", Value: capability}}},
		{"acl", []tree.Xattr{{Name: "system.posix_acl_access", Value: acl}}},
		{"large", []tree.Xattr{{Name: "user.large", Value: big}}},
		{"both", []tree.Xattr{{Name: "security.a", Value: "in the inode"}, {Name: "user.large", Value: big}}},
		{"names", []tree.Xattr{{Name: "user. sp ace\t", Value: "1"}, {Name: `user."quoted"`, Value: "2"}, {Name: "user.#", Value: "3"}, {Name: "user.\xff", Value: "4"}}},
		{"raw names", []tree.Xattr{{Name: "user.\xe4\xff", Value: strings.Repeat("r", 200)}, {Name: "user.\xfe", Value: strings.Repeat("s", 300)}}},
		{"many", []tree.Xattr{{Name: "trusted.t", Value: "t"}, {Name: "user.1", Value: strings.Repeat("1", 50)}, {Name: "user.2", Value: strings.Repeat("2", 50)}, {Name: "user." + strings.Repeat("n", 250), Value: "3"}}},
	} {
		b.Content(tree.Entry{Path: "xattrs/" + f.name, Mode: 0o750, Xattrs: f.list}, f.name)
	}
	b.Add(tree.Entry{Path: "xattrs/link", Type: tree.Symlink, Mode: 0o777, Target: "x", Xattrs: []tree.Xattr{{Name: "trusted.l", Value: "l"}}})
	b.Add(tree.Entry{Path: "xattrs/fifo", Type: tree.Fifo, Mode: 0o600, Xattrs: []tree.Xattr{{Name: "security.f", Value: "f"}}})
	b.Add(tree.Entry{Path: "xattrs/dev", Type: tree.CharDevice, DevMajor: 1, DevMinor: 3, Mode: 0o666, Xattrs: []tree.Xattr{{Name: "trusted.d", Value: strings.Repeat("d", 500)}}})
}

func contents(b *treetest.Builder) {
	b.Dir("contents")
	for _, n := range []int{0, 1, 4095, 4096, 4097, 70000} {
		b.File(fmt.Sprintf("contents/%d", n), strings.Repeat("c", n))
	}
	b.File("contents/zeros", strings.Repeat("\x00", 20000))
	b.Sparse(tree.Entry{Path: "contents/hole", Mode: 0o644}, 1<<26)
	b.Sparse(tree.Entry{Path: "contents/sparse", Mode: 0o644}, 1<<25+5, treetest.Piece{Offset: 5000, Data: "start"}, treetest.Piece{Offset: 1 << 24, Data: strings.Repeat("m", 9000)})
	for _, n := range []int{1, 59, 60, 61, 4000, 4095} {
		b.Add(tree.Entry{Path: fmt.Sprintf("contents/link%d", n), Type: tree.Symlink, Mode: 0o777, Target: strings.Repeat("t", n)})
	}
}

func devices(b *treetest.Builder) {
	b.Dir("devices")
	for i, n := range [][2]uint32{{0, 0}, {1, 3}, {255, 255}, {256, 0}, {0, 256}, {259, 70000}, {4095, 1<<20 - 1}, {511, 255}} {
		b.Add(tree.Entry{Path: fmt.Sprintf("devices/c%d", i), Type: tree.CharDevice, Mode: 0o620, UID: 7, GID: 5, DevMajor: n[0], DevMinor: n[1], MTime: tree.Time{Sec: 1234, Nsec: 5}})
		b.Add(tree.Entry{Path: fmt.Sprintf("devices/b%d", i), Type: tree.BlockDevice, Mode: 0o4660, DevMajor: n[0], DevMinor: n[1]})
	}
}

func links(b *treetest.Builder) {
	b.Dir("links")
	b.Dir("links/a")
	b.Dir("links/a-b")
	for _, e := range []tree.Entry{
		{Path: "links/a-b/symlink", Type: tree.Symlink, Mode: 0o777, Target: "x", UID: 5},
		{Path: "links/a-b/long", Type: tree.Symlink, Mode: 0o777, Target: strings.Repeat("x", 100), MTime: tree.Time{Sec: 1 << 32}},
		{Path: "links/a-b/fifo", Type: tree.Fifo, Mode: 0o644},
		{Path: "links/a-b/char", Type: tree.CharDevice, Mode: 0o644, DevMajor: 5, DevMinor: 1},
		{Path: "links/a-b/block", Type: tree.BlockDevice, Mode: 0o644, DevMajor: 300, DevMinor: 1, Xattrs: []tree.Xattr{{Name: "trusted.b", Value: "b"}}},
	} {
		b.Add(e)
	}
	b.Content(tree.Entry{Path: "links/a-b/file", Mode: 0o644, Xattrs: []tree.Xattr{{Name: "user.f", Value: "f"}}}, "content")
	for _, kind := range []string{"symlink", "long", "fifo", "char", "block", "file"} {
		b.Link("links/a/"+kind, "links/a-b/"+kind) // before the first name, in preorder
		b.Link("links/z\n"+kind, "links/a-b/"+kind)
	}
}

// small is a tree of a few things of each kind, which any host can stage.
func small(b *treetest.Builder) {
	mtime := tree.Time{Sec: 1700000000, Nsec: 123456789}
	b.Add(tree.Entry{Type: tree.Directory, Mode: 0o755, MTime: mtime})
	b.Dir("etc")
	b.Content(tree.Entry{Path: "etc/passwd", Mode: 0o644, MTime: mtime}, "root:x:0:0::/:/bin/sh\n")
	b.Content(tree.Entry{Path: "etc/shadow", Mode: 0o640, GID: 42, MTime: mtime}, strings.Repeat("secret\n", 2000))
	b.Dir("bin")
	b.Content(tree.Entry{Path: "bin/ping", Mode: 0o755, MTime: mtime, Xattrs: []tree.Xattr{{Name: "security.capability", Value: capability}}}, "ping")
	b.Content(tree.Entry{Path: "bin/su", Mode: 0o4755, MTime: mtime}, "su")
	b.Link("bin/su2", "bin/su")
	b.Add(tree.Entry{Path: "bin/sh", Type: tree.Symlink, Mode: 0o777, Target: "dash", MTime: mtime})
	b.Link("bin/zsh", "bin/sh")
	b.Add(tree.Entry{Path: "null", Type: tree.CharDevice, Mode: 0o666, DevMajor: 1, DevMinor: 3, MTime: mtime})
	b.Add(tree.Entry{Path: "fifo", Type: tree.Fifo, Mode: 0o600, UID: 1000, MTime: mtime})
	b.Sparse(tree.Entry{Path: "sparse", Mode: 0o600, MTime: mtime}, 1<<22, treetest.Piece{Offset: 1 << 20, Data: "data"})
	for i := range 200 {
		b.File(fmt.Sprintf("etc/%d-%s", i, strings.Repeat("n", i)), "x")
	}
}
