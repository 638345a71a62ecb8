package cas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// partialDir is, below the store, where blobs are while they are fetched that
// another process may go on with.
const partialDir = "partial"

// minPartial is how many bytes are worth keeping.
const minPartial = 1 << 20

// PartialBlob is the [BlobWriter] of a blob whose beginning may be there
// already: what a process that was killed had fetched of it, or one that gave
// up with Suspend. The caller reads Kept to its end before it writes what
// follows; the writer hashes what is read as if it had been written, so that
// Commit verifies the whole. Nothing is visible before that. It is not safe for
// concurrent use.
type PartialBlob struct {
	blobWriter
	kept   int64 // bytes that were there
	read   int64 // of them, through Kept
	passed int64 // of them, written again by the caller
	unlock func()
	shared bool // the file lies where the next process finds it
}

var _ BlobWriter = (*PartialBlob)(nil)

// ResumeBlob begins the blob d, or goes on with it. Of several processes one at
// a time does; the others begin anew, with files of their own. What was kept too
// long is removed first.
func (s *Store) ResumeBlob(d digest.Digest) (*PartialBlob, error) {
	hex, err := encoded(d)
	if err != nil {
		return nil, err
	}
	if s.denied == nil && s.noLocks == nil { // without locks two might write to one file
		s.sweepPartials()
		if w, err := s.openPartial(hex); err == nil {
			return w, nil
		}
	}
	w, err := s.NewBlob()
	if err != nil {
		return nil, err
	}
	return &PartialBlob{blobWriter: *w.(*blobWriter), unlock: func() {}}, nil
}

// openPartial opens and locks the file of a blob. The lock is a file of its own:
// this one gets another name with the commit.
func (s *Store) openPartial(hex string) (*PartialBlob, error) {
	lock, err := s.lockPartial(hex)
	if err != nil {
		return nil, err
	}
	f, size, err := s.openPartialFile(s.path(partialDir, hex))
	if err != nil {
		unlockFile(lock)
		return nil, err
	}
	w := &PartialBlob{blobWriter: *s.blobWriterOf(f), kept: size, unlock: func() { unlockFile(lock) }, shared: true}
	w.file.size, w.file.flushed = size, size
	return w, nil
}

func (s *Store) lockPartial(hex string) (*os.File, error) {
	lock, err := s.disk.tryLockFile(s.path("locks", "partial-"+hex), unix.LOCK_EX)
	if err == nil {
		_ = s.owner.take(lock)
	}
	return lock, err
}

// openPartialFile opens a file for appending, and makes it and its directory.
func (s *Store) openPartialFile(path string) (*os.File, int64, error) {
	if err := s.disk.makeDirs(filepath.Dir(path)); err != nil {
		return nil, 0, err
	}
	_ = s.owner.takeDir(filepath.Dir(path))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o666)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// KeptSize returns how many bytes of the blob were there.
func (w *PartialBlob) KeptSize() int64 { return w.kept }

// Kept reads the bytes that were there.
func (w *PartialBlob) Kept() io.Reader { return (*keptReader)(w) }

type keptReader PartialBlob

func (r *keptReader) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), r.kept-r.read)]
	if r.read == r.kept {
		return 0, io.EOF
	}
	n, err := r.file.f.ReadAt(p, r.read)
	r.sum.Write(p[:n])
	r.read += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

var errUnread = errors.New("what was kept has not been read")

// Write implements [BlobWriter]. The first bytes of the blob, which were kept,
// are not written again, whether the caller leaves them out or not, which must
// be the same as in the calls before.
func (w *PartialBlob) Write(p []byte) (int, error) {
	n := int(min(int64(len(p)), w.kept-w.passed))
	w.passed += int64(n)
	if n == len(p) {
		return n, nil
	}
	if w.read < w.kept && w.err == nil {
		w.err = fmt.Errorf("write blob: %w", errUnread)
	}
	m, err := w.blobWriter.Write(p[n:])
	return n + m, err
}

// Commit implements [BlobWriter].
func (w *PartialBlob) Commit(ctx context.Context, want digest.Digest, size int64) error {
	if w.read < w.kept && w.err == nil {
		w.err = errUnread
	}
	defer w.unlock()
	return w.blobWriter.Commit(ctx, want, size)
}

// Abort implements [BlobWriter]: what was kept goes, too.
func (w *PartialBlob) Abort() {
	w.blobWriter.Abort()
	w.unlock()
}

// Suspend ends the writer as Abort does, and keeps what there is for the next
// ResumeBlob if it is worth it. It is for blobs of which nothing is known to be
// wrong.
func (w *PartialBlob) Suspend() {
	if !w.shared || w.file.size < minPartial || w.err != nil {
		w.Abort()
		return
	}
	w.err = errEnded
	_, _ = w.file.trim(), w.file.f.Close()
	w.unlock()
}
