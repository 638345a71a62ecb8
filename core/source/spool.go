package source

import (
	"errors"
	"fmt"
	"io"
	"os"

	"banger/internal/nameless"
)

// spool returns a file with what fill writes. The file has no name: it is gone when it is closed, or its process is.
func (o Options) spool(fill func(io.Writer) error) (*os.File, error) {
	f, err := o.temporaryFile()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemporary, err)
	}
	if err := fill(temporary{f}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (o Options) temporaryFile() (*os.File, error) {
	dir := ""
	if o.TempDir != nil {
		var err error
		if dir, err = o.TempDir(); err != nil {
			return nil, err
		}
	}
	return nameless.Create(dir)
}

// temporary marks the errors of writing to a temporary file.
type temporary struct{ f *os.File }

func (t temporary) Write(p []byte) (int, error) {
	n, err := t.f.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrTemporary, err)
	}
	return n, err
}

// Bounds on what a compressed archive becomes. An archive of images is made
// of files of all kinds; only zeros compress better than this.
const (
	maxRatio      = 200
	alwaysAllowed = 64 << 30
)

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// ratioWriter fails when much more is written than was read.
type ratioWriter struct {
	w  io.Writer
	in *countingReader
	n  int64
}

func (w *ratioWriter) Write(p []byte) (int, error) {
	if w.n += int64(len(p)); w.n > alwaysAllowed && w.n/maxRatio > w.in.n {
		return 0, invalid("the archive decompresses to more than %d times its size", maxRatio)
	}
	return w.w.Write(p)
}
