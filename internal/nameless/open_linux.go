package nameless

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// open makes a file with O_TMPFILE, open(2). Kernels and filesystems that do
// not have it take the flag for O_DIRECTORY, or refuse it.
func open(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE|unix.O_EXCL, 0o600)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return f, err
}
