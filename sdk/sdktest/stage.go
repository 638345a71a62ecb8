package sdktest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"banger/sdk"
	"banger/sdk/tree"
)

// stager lays a golden tree out as a directory. It is far simpler than the
// one that banger has, since it knows whose trees it gets.
type stager struct {
	dir    string
	plain  bool
	pack   []byte
	losses []sdk.Loss
}

// stage returns what the directory does not hold because of who runs this.
func stage(t *tree.Tree, pack []byte, dir string, how sdk.Staging) ([]sdk.Loss, error) {
	s := &stager{dir: dir, plain: how == sdk.StagingPlain, pack: pack}
	for i := range t.Entries {
		if err := s.make(&t.Entries[i]); err != nil {
			return nil, fmt.Errorf("stage %q: %w", t.Entries[i].Path, err)
		}
	}
	for i := len(t.Entries) - 1; i >= 0; i-- { // a directory after what is in it
		if e := &t.Entries[i]; !s.plain && e.Type != tree.Hardlink {
			if err := s.attributes(e); err != nil {
				return nil, fmt.Errorf("stage %q: %w", e.Path, err)
			}
		}
	}
	return s.losses, nil
}

func (s *stager) path(e *tree.Entry) string { return filepath.Join(s.dir, e.Path) }

func (s *stager) lose(e *tree.Entry, field, wanted string) {
	s.losses = append(s.losses, sdk.Loss{Path: e.Path, Field: field, Wanted: wanted, Why: "the conformance kit does not run as root"})
}

func (s *stager) make(e *tree.Entry) error {
	path := s.path(e)
	switch e.Type {
	case tree.Directory:
		if e.Path == "" {
			return nil
		}
		return os.Mkdir(path, 0o700)
	case tree.Symlink:
		return os.Symlink(e.Target, path)
	case tree.Hardlink:
		err := os.Link(filepath.Join(s.dir, e.Target), path)
		if errors.Is(err, unix.ENOENT) { // a device that was not made
			s.lose(e, "type", e.Type.String())
			return nil
		}
		return err
	case tree.Fifo:
		return unix.Mkfifo(path, 0o600)
	case tree.CharDevice, tree.BlockDevice:
		return s.device(e, path)
	default:
		return s.regular(e, path)
	}
}

func (s *stager) device(e *tree.Entry, path string) error {
	if s.plain {
		return nil
	}
	mode := uint32(unix.S_IFCHR)
	if e.Type == tree.BlockDevice {
		mode = unix.S_IFBLK
	}
	err := unix.Mknod(path, mode|0o600, int(unix.Mkdev(e.DevMajor, e.DevMinor)))
	if errors.Is(err, unix.EPERM) {
		s.lose(e, "type", e.Type.String())
		return nil
	}
	return err
}

func (s *stager) regular(e *tree.Entry, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = f.Truncate(e.Size)
	for _, x := range e.Extents {
		_, writeErr := f.WriteAt(s.pack[x.PackOffset:x.PackOffset+x.Length], x.Offset)
		err = errors.Join(err, writeErr)
	}
	return errors.Join(err, f.Close())
}

func (s *stager) attributes(e *tree.Entry) error {
	path := s.path(e)
	if _, err := os.Lstat(path); err != nil {
		return nil //nolint:nilerr // a device that was not made
	}
	if err := os.Lchown(path, int(e.UID), int(e.GID)); errors.Is(err, unix.EPERM) {
		s.lose(e, "owner", fmt.Sprintf("%d:%d", e.UID, e.GID))
	} else if err != nil {
		return err
	}
	for _, x := range e.Xattrs {
		if err := unix.Lsetxattr(path, x.Name, []byte(x.Value), 0); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) {
			s.lose(e, "xattr:"+x.Name, x.Value)
		} else if err != nil {
			return err
		}
	}
	if e.Type != tree.Symlink {
		mode := s.stagedMode(e)
		if mode != e.Mode {
			s.lose(e, "mode", fmt.Sprintf("%04o", e.Mode))
		}
		if err := unix.Chmod(path, mode); err != nil {
			return err
		}
	}
	ts := unix.Timespec{Sec: e.MTime.Sec, Nsec: int64(e.MTime.Nsec)}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// stagedMode is e's mode, opened up where a builder that is not root could not
// read it, as banger does.
func (s *stager) stagedMode(e *tree.Entry) uint32 {
	switch {
	case os.Geteuid() == 0:
		return e.Mode
	case e.Type == tree.Directory:
		return e.Mode | 0o500
	default:
		return e.Mode | 0o400
	}
}

// writeLosses writes what staging lost as a file, and returns its path, "" for
// none.
func writeLosses(path string, losses []sdk.Loss) (string, error) {
	if len(losses) == 0 {
		return "", nil
	}
	var text bytes.Buffer
	if err := sdk.WriteLosses(&text, losses); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}
