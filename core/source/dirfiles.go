package source

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// dirFiles is the files below a directory. Symbolic links are followed
// wherever they lead, for build tools make layouts of links; what is found
// there must still have the digest that was asked for.
type dirFiles string

func (d dirFiles) open(name string) (io.ReadCloser, int64, error) {
	// O_NONBLOCK keeps a fifo in the layout from blocking the open.
	f, err := os.OpenFile(filepath.Join(string(d), filepath.FromSlash(name)), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case err != nil && absent(err):
		return nil, 0, notFound("%s is missing", name)
	case err != nil:
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = invalid("%s is not a regular file", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	return f, info.Size(), nil
}

func (dirFiles) Close() error { return nil }
