package cas

import (
	"io/fs"
	"os"
)

const (
	// writebackStep is how many bytes of a growing file are handed to the disk at
	// a time, so that the fsync at its end finds little left to do.
	writebackStep = 16 << 20

	// reserveStep is how many bytes of room a growing file has ahead, once it has
	// reserveFrom bytes and is not one of the many small ones.
	reserveStep = 8 << 20
	reserveFrom = 1 << 20
)

// growing is a file that is written from its start to its end. It is no more to
// be written to after an error, which sticks: the kernel may report a lost
// write only once.
type growing struct {
	disk     *disk
	f        *os.File
	size     int64 // in bytes
	reserved int64 // end of the room that was asked for
	flushed  int64 // what was handed to the disk
	err      error
}

func (g *growing) Write(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	if end := g.size + int64(len(p)); g.size >= reserveFrom && end > g.reserved {
		g.reserved = end + reserveStep
		g.disk.reserve(g.f, g.size, g.reserved-g.size)
	}
	n, err := g.disk.write(g.f, p)
	g.size += int64(n)
	if unflushed := g.size - g.flushed; err == nil && unflushed >= writebackStep {
		err = g.disk.writeback(g.f, g.flushed, unflushed)
		g.flushed = g.size
	}
	g.err = err
	return n, err
}

// trim gives back the room that was not needed.
func (g *growing) trim() error {
	if g.err != nil || g.reserved <= g.size {
		return g.err
	}
	g.reserved = g.size
	return g.f.Truncate(g.size)
}

// seal is [Store.seal] of the whole file.
func (g *growing) seal(s *Store, mask fs.FileMode) error {
	if err := g.trim(); err != nil {
		return err
	}
	return s.seal(g.f, mask)
}
