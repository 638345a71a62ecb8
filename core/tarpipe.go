package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"banger/core/host"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

// buildFromTar runs the builder with the flattened tar in a named pipe. A
// builder that succeeds must have read it to its end.
func buildFromTar(ctx context.Context, j *job, t *tree.Tree, packs tree.Packs) error {
	j.req.TarPath = filepath.Join(j.dir, "tar")
	if err := unix.Mkfifo(j.req.TarPath, 0o600); err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	p := &tarPipe{path: j.req.TarPath, written: make(chan error, 1)}
	go func() { p.written <- p.write(ctx, t, packs) }()
	buildErr := j.build(ctx)
	unread, writeErr := p.finish()
	switch {
	case writeErr != nil && !errors.Is(writeErr, unix.EPIPE):
		return fmt.Errorf("write tar for builder %s: %w", j.builder.Name, writeErr)
	case buildErr == nil && unread:
		return &host.Error{Builder: j.builder.Name, Op: "build", Err: errUnread}
	}
	return buildErr
}

var errUnread = errors.New("it did not read its tar to the end, and yet reported success")

// tarPipe is a named pipe with a tar. Besides the builder's it has a reading
// end of the host's own, open from before the first byte is written, so that
// the host finds what the builder has left in it.
type tarPipe struct {
	path    string
	written chan error

	mu   sync.Mutex
	ours *os.File // the host's reading end; nil before a reader came and after finish
	over bool
}

// write writes the tar once a reader has opened the pipe.
func (p *tarPipe) write(ctx context.Context, t *tree.Tree, packs tree.Packs) error {
	pipe, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer pipe.Close()
	if err := p.watch(); err != nil {
		return err
	}
	return treetar.Write(ctx, pipe, t, packs)
}

// watch opens the host's reading end.
func (p *tarPipe) watch() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return unix.EPIPE // nobody reads any more
	}
	f, err := os.OpenFile(p.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	p.ours = f
	return err
}

// maxTail is what an archive may end with after the last that a reader needs:
// two zero blocks, and zeros up to a whole record of 20.
const maxTail = 2*512 + 20*512

// finish frees the writer of a pipe whose reader is gone, or never came, and
// returns its error. unread says that there was more left in the pipe than the
// zeros at the end of the archive.
func (p *tarPipe) finish() (unread bool, err error) {
	p.mu.Lock()
	p.over = true
	ours := p.ours
	p.mu.Unlock()
	if ours == nil {
		return true, p.release()
	}
	// The writer has closed its end, or waits for room.
	left := make([]byte, maxTail+1)
	n := 0
	for n < len(left) {
		k, err := ours.Read(left[n:])
		n += k
		if k == 0 || err != nil {
			break
		}
	}
	_ = ours.Close()
	unread = n > maxTail || len(bytes.Trim(left[:n], "\x00")) > 0
	return unread, <-p.written
}

// releaseInterval is how often a pipe's writer is freed again that was not
// there yet the time before.
const releaseInterval = 10 * time.Millisecond

// release frees a writer that waits for a reader: opening the reading end
// lets its open return.
func (p *tarPipe) release() error {
	for {
		if fd, err := unix.Open(p.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == nil {
			_ = unix.Close(fd)
		}
		select {
		case err := <-p.written:
			return err
		case <-time.After(releaseInterval):
		}
	}
}
