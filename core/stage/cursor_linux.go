package stage

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// maxOpen bounds the descriptors that a cursor holds.
const maxOpen = 64

// cursor opens directories below root one after another. It keeps those open
// that lead to the latest, so that going on in path order costs an open or
// two. It is not safe for concurrent use.
type cursor struct {
	root int
	path string  // of the latest directory
	open []level // on the way to it, outermost first
}

// level is an open directory: the first end bytes of the cursor's path.
type level struct {
	end int
	fd  int
}

// dir returns a descriptor for the directory at path, open for reading. It
// stays the cursor's and is good until the next call.
func (c *cursor) dir(path string) (int, error) {
	c.leave(path)
	fd, end := c.root, 0
	if n := len(c.open); n > 0 {
		fd, end = c.open[n-1].fd, c.open[n-1].end
	}
	c.path = path
	for end < len(path) {
		start := end
		if start > 0 {
			start++ // the slash
		}
		if end = strings.IndexByte(path[start:], '/'); end < 0 {
			end = len(path)
		} else {
			end += start
		}
		var err error
		if fd, err = openDirAt(fd, path[start:end]); err != nil {
			c.path = path[:max(start-1, 0)]
			return -1, err
		}
		c.push(level{end, fd})
	}
	return fd, nil
}

// leave closes the directories that do not lead to path.
func (c *cursor) leave(path string) {
	for n := len(c.open); n > 0; n-- {
		at := c.path[:c.open[n-1].end]
		if strings.HasPrefix(path, at) && (len(path) == len(at) || path[len(at)] == '/') {
			return
		}
		_ = unix.Close(c.open[n-1].fd)
		c.open = c.open[:n-1]
	}
}

// push notes an opened directory, at the cost of the one above it when there
// are too many.
func (c *cursor) push(l level) {
	if n := len(c.open); n == maxOpen {
		_ = unix.Close(c.open[n-1].fd)
		c.open = c.open[:n-1]
	}
	c.open = append(c.open, l)
}

func (c *cursor) close() {
	for _, l := range c.open {
		_ = unix.Close(l.fd)
	}
	c.open = nil
}

// openDirAt opens the directory called name in parent, which is not followed
// if it is a symlink.
func openDirAt(parent int, name string) (int, error) {
	if name == "" || name == "." || name == ".." {
		return -1, fmt.Errorf("open directory: component %q", name)
	}
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open directory %q: %w", name, err)
	}
	return fd, nil
}

// openRoot opens the directory that is staged in or removed.
func openRoot(dir string) (int, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open: %w", err)
	}
	return fd, nil
}
