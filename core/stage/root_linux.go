package stage

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"banger/sdk"
)

// prepareRoot takes from the staged root what it would hand on to all that is
// made below it: a set-group-id bit with its group, default ACLs, and xattrs
// of its own. What cannot be taken off, such as a security label, is a loss.
func (s *stager) prepareRoot(context.Context) error {
	var st unix.Stat_t
	if err := unix.Fstat(s.root, &st); err != nil {
		return fmt.Errorf("stat: %w", err)
	}
	if gid := os.Getegid(); int(st.Gid) != gid {
		if err := unix.Fchown(s.root, -1, gid); err != nil {
			return fmt.Errorf("set group: %w", err)
		}
	}
	if err := unix.Fchmod(s.root, 0o700); err != nil {
		return fmt.Errorf("chmod: %w", err)
	}
	n := node{dir: s.root, name: ".", fd: s.root}
	for _, name := range listXattrs(s.root) {
		if err := unix.Fremovexattr(s.root, name); err != nil {
			s.lose(sdk.Loss{Field: "xattr:" + name, Got: n.xattr(name), Why: "the host puts it on every file: " + err.Error()})
		}
	}
	return nil
}

// listXattrs returns the names of fd's xattrs, none where there is no
// support for them.
func listXattrs(fd int) []string {
	size, err := unix.Flistxattr(fd, nil)
	if err != nil || size == 0 {
		return nil
	}
	buf := make([]byte, size)
	if size, err = unix.Flistxattr(fd, buf); err != nil {
		return nil
	}
	return strings.FieldsFunc(string(buf[:size]), func(r rune) bool { return r == 0 })
}

// isPrivileged reports whether this process has the capabilities(7) that it
// takes to give files away and still work on them.
func isPrivileged() bool {
	return hasCapabilities(1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID)
}

// hasMknod reports whether this process may make devices.
func hasMknod() bool { return hasCapabilities(1 << unix.CAP_MKNOD) }

// hasCapabilities reports whether all of a set of capabilities below 32 are
// effective.
func hasCapabilities(needed uint32) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&needed == needed
}
