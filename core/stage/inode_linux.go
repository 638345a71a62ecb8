package stage

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"banger/sdk/tree"
)

func (w *worker) makeInode(ctx context.Context, e *tree.Entry) error {
	dir, err := w.at.dir(tree.Dir(e.Path))
	if err != nil {
		return err
	}
	n := node{dir: dir, name: tree.Base(e.Path), fd: -1}
	switch e.Type {
	case tree.Regular:
		return w.makeFile(ctx, e, n)
	case tree.Symlink:
		err = unix.Symlinkat(e.Target, n.dir, n.name)
	case tree.Fifo:
		err = unix.Mknodat(n.dir, n.name, unix.S_IFIFO|0o600, 0)
	case tree.CharDevice, tree.BlockDevice:
		if made, err := w.makeDevice(e, n); !made {
			return err
		}
	default:
		return fmt.Errorf("%w: type %d", tree.ErrCorrupt, e.Type)
	}
	if err != nil {
		return err
	}
	return w.attributes(e, n)
}

// makeDevice makes a device, or leaves it out where that takes more privilege
// or another kernel.
func (s *stager) makeDevice(e *tree.Entry, n node) (bool, error) {
	if s.plain {
		s.leaveOut(e, errPlain)
		return false, nil
	}
	if e.DevMajor > maxMajor || e.DevMinor > maxMinor {
		s.leaveOut(e, errDevice)
		return false, nil
	}
	mode := uint32(unix.S_IFCHR)
	if e.Type == tree.BlockDevice {
		mode = unix.S_IFBLK
	}
	err := unix.Mknodat(n.dir, n.name, mode|0o600, int(unix.Mkdev(e.DevMajor, e.DevMinor)))
	if errors.Is(err, unix.EPERM) {
		s.leaveOut(e, err)
		return false, nil
	}
	return err == nil, err
}

var (
	errPlain  = errors.New("plain staging has no devices")
	errDevice = errors.New("the kernel has no such device number")
)

// The largest device numbers that mknod takes: 12 and 20 bits (Linux,
// include/linux/kdev_t.h).
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

// leaveOut loses an inode, and with it its further names.
func (s *stager) leaveOut(e *tree.Entry, why error) {
	s.loseInode(e.Path, e, why)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unmade[e.Path] = why
}

func (w *worker) makeFile(ctx context.Context, e *tree.Entry, n node) error {
	var err error
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if n.fd, err = unix.Openat(n.dir, n.name, flags, w.createMode(e)); err != nil {
		return err
	}
	err = w.content(ctx, e, n.fd)
	if err == nil {
		err = w.attributes(e, n)
	}
	if closeErr := unix.Close(n.fd); err == nil {
		err = closeErr
	}
	return err
}

// createMode is the final mode where that needs no change later.
func (s *stager) createMode(e *tree.Entry) uint32 {
	if s.plain || len(e.Xattrs) > 0 { // setting user.* takes write permission
		return 0o600
	}
	return s.stagedMode(e) & 0o777
}
