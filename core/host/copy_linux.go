package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// maxInMemory is the size in bytes up to which a program is copied to memory.
const maxInMemory = 128 << 20

// privateCopy returns a copy of src that is open for reading, can be executed,
// and that nobody can write to, with its digest: a sealed file in memory
// (memfd_create(2)), or for a large one, and where the kernel makes none, a
// file without a name on dir's filesystem. Its name is src's, for messages.
func privateCopy(ctx context.Context, src *os.File, dir string) (*os.File, digest.Digest, error) {
	w, err := newCopy(src, dir)
	if err != nil {
		return nil, "", err
	}
	defer w.Close()
	sum := digest.SHA256.Digester()
	if err := copyAll(ctx, io.MultiWriter(w, sum.Hash()), src); err != nil {
		return nil, "", err
	}
	if _, err := unix.FcntlInt(w.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL); err != nil && !errors.Is(err, unix.EINVAL) {
		return nil, "", fmt.Errorf("seal the copy: %w", err) // EINVAL: not in memory
	}
	r, err := reopen(w, src.Name())
	return r, sum.Digest(), err
}

// newCopy makes the file that takes a copy.
func newCopy(src *os.File, dir string) (*os.File, error) {
	fi, err := src.Stat()
	if err != nil {
		return nil, err
	}
	if fi.Size() <= maxInMemory {
		const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
		name := filepath.Base(src.Name())
		fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
		if errors.Is(err, unix.EINVAL) { // before Linux 6.3
			fd, err = unix.MemfdCreate(name, flags)
		}
		if err == nil {
			return os.NewFile(uintptr(fd), name), nil
		}
	}
	f, err := os.CreateTemp(dir, ".banger-builder-")
	if err != nil {
		return nil, fmt.Errorf("copy it: %w", err)
	}
	if err := errors.Join(os.Remove(f.Name()), f.Chmod(0o500)); err != nil {
		return nil, errors.Join(fmt.Errorf("copy it: %w", err), f.Close())
	}
	return f, nil
}

// reopen opens w for reading and closes it, so that nothing has it open for
// writing any more: the kernel would not execute it. A child of this process
// that has not come to its exec has a copy of every descriptor; while the lock
// is held there is none.
func reopen(w *os.File, name string) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	return os.NewFile(uintptr(fd), name), w.Close()
}
