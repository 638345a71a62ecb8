package cas

import (
	"errors"
	"io"
	"iter"
	"os"

	"golang.org/x/sys/unix"
)

// extent is a range of a file that may hold something else than zeros.
type extent struct{ start, end int64 }

// extents walks the data of f, of the given size, with SEEK_DATA and
// SEEK_HOLE; what is between is holes. It moves f's offset, so nobody else
// may use that meanwhile. Where the filesystem cannot tell, everything is
// data. An error ends the walk.
func extents(f *os.File, size int64) iter.Seq2[extent, error] {
	return func(yield func(extent, error) bool) {
		for at := int64(0); at < size; {
			e, err := nextExtent(f, at, size)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
			at = e.end
		}
	}
}

func nextExtent(f *os.File, at, size int64) (extent, error) {
	start, err := f.Seek(at, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // only a hole is left
		return extent{}, io.EOF
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return extent{at, size}, nil
	case err != nil:
		return extent{}, err
	case start >= size:
		return extent{}, io.EOF
	}
	end, err := f.Seek(start, unix.SEEK_HOLE)
	if err != nil {
		return extent{}, err
	}
	return extent{start, min(end, size)}, nil
}
