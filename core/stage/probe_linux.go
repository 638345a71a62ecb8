package stage

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"banger/internal/nameless"
	"banger/sdk/tree"
)

// Probe finds the capabilities of this process in dir, by trying them on a
// file that it makes there and takes away again.
func Probe(dir string) (Capabilities, error) {
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return Capabilities{}, fmt.Errorf("probe staging: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	parent, err := openRoot(dir)
	if err != nil {
		return Capabilities{}, fmt.Errorf("probe staging in %s: %w", dir, err)
	}
	defer unix.Close(parent)
	n := node{dir: parent, name: f.Name()[strings.LastIndexByte(f.Name(), '/')+1:], fd: int(f.Fd())}
	return capabilities(n, canMknod(n))
}

// Look finds the same as Probe and leaves no trace: what it tries it tries on a
// file without a name, on the filesystem of the first of dirs where there can be
// one, or else in memory. Only devices cannot be tried so: that the process has
// the capability counts, though a container may deny it its use.
func Look(dirs ...string) (Capabilities, error) {
	f, err := lookFile(dirs)
	if err != nil {
		return Capabilities{}, fmt.Errorf("look at staging: %w", err)
	}
	defer f.Close()
	return capabilities(node{fd: int(f.Fd())}, hasMknod() && idMap() == "")
}

func lookFile(dirs []string) (*os.File, error) {
	for _, dir := range dirs {
		if f, err := nameless.Open(dir); err == nil {
			return f, nil
		}
	}
	fd, err := unix.MemfdCreate("banger-probe", unix.MFD_CLOEXEC)
	return os.NewFile(uintptr(fd), "probe"), err
}

// capabilities tries all but devices on an open file.
func capabilities(n node, mknod bool) (Capabilities, error) {
	if err := n.chmod(0o600); err != nil { // whatever the umask is
		return Capabilities{}, fmt.Errorf("probe staging: %w", err)
	}
	c := Capabilities{UID: os.Geteuid(), GID: os.Getegid(), IDMap: idMap(), Chown: isPrivileged(), Mknod: mknod, Label: label(n)}
	c.UserXattr = n.setXattr("user.banger", "x") == nil
	c.TrustedXattr = n.setXattr("trusted.banger", "x") == nil
	c.SecurityXattr = n.setXattr("security.banger", "x") == nil
	c.FileCaps = n.setXattr("security.capability", noCaps) == nil
	c.ACL = n.setXattr("system.posix_acl_access", smallACL) == nil
	c.FullTimes = holdsTimes(n)
	return c, nil
}

const (
	// noCaps is a file capability that grants nothing: revision 2 of
	// vfs_cap_data (Linux, include/uapi/linux/capability.h).
	noCaps = "\x00\x00\x00\x02" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"

	// smallACL is an ACL with a mask (include/uapi/linux/posix_acl_xattr.h):
	// version 2, then tag, permissions and id of user, group, mask, others.
	smallACL = "\x02\x00\x00\x00" +
		"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x04\x00\x00\x00\xff\xff\xff\xff" +
		"\x10\x00\x00\x00\xff\xff\xff\xff" + "\x20\x00\x00\x00\xff\xff\xff\xff"
)

// canMknod tries a device that every kernel has: null, 1:3. What the process
// may do with character devices it may do with block devices.
func canMknod(n node) bool {
	name := n.name + "-device"
	if unix.Mknodat(n.dir, name, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))) != nil {
		return false
	}
	return unix.Unlinkat(n.dir, name, 0) == nil
}

func holdsTimes(n node) bool {
	want := tree.Time{Sec: 4102444800, Nsec: 123456789} // 2100-01-01
	var st unix.Stat_t
	ts, err := unix.TimeToTimespec(want.Time())
	if err != nil {
		return false
	}
	path := fmt.Sprintf("/proc/self/fd/%d", n.fd) // the file may have no name
	if unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, 0) != nil || n.stat(&st) != nil {
		return false
	}
	sec, nsec := st.Mtim.Unix()
	return sec == want.Sec && nsec == int64(want.Nsec)
}

// label returns the xattrs that a new file has come with.
func label(n node) string {
	var labels []string
	for _, name := range listXattrs(n.fd) {
		if strings.HasPrefix(name, "security.") {
			labels = append(labels, name+"="+n.xattr(name))
		}
	}
	return strings.Join(labels, " ")
}

// idMap describes a user namespace that does not map all ids, "" otherwise.
func idMap() string {
	uids, gids := mappedIDs("/proc/self/uid_map"), mappedIDs("/proc/self/gid_map")
	if uids == allIDs && gids == allIDs {
		return ""
	}
	return uids + "/" + gids
}

// allIDs is what the initial namespace maps.
const allIDs = "0+4294967295"

// mappedIDs reads the ranges of ids inside the namespace, user_namespaces(7).
func mappedIDs(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return allIDs
	}
	var ranges []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 {
			ranges = append(ranges, f[0]+"+"+f[2])
		}
	}
	return strings.Join(ranges, " ")
}
