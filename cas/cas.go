// Package cas is the content store: a directory of objects named by SHA-256
// digests, shared by any number of processes without a daemon.
//
// It keeps blobs, unpacked layers, artifacts and actions, and knows nothing
// of what they mean. An object is either absent or whole: it is written
// beside its place, checked, synced, made read-only and renamed, and an
// object that is there already wins. Actions are written last and read with
// suspicion, so a hit never leads to something that is not there.
//
// What the store does not promise: it does not hash an object again each
// time it is opened (sizes are checked always, small objects that it parses
// are hashed always), it does not hide its files from a user who may write
// to them, and its loss must only ever cost time. It needs Linux and a
// filesystem with flock(2) and atomic rename(2). docs/store.md describes the
// layout and the protocols.
package cas

import (
	"os"
	"path/filepath"
	"sync"
)

// Store is an open store. Its methods may be called from several goroutines.
type Store struct {
	dir   string
	disk  disk
	owner *owner // of what is put into the store; nil: whoever does

	lock    *os.File // shared flock on locks/store; nil where it could not be had
	session string   // tmp/SESSION; "" in a store that cannot be written
	lease   *os.File // flock that keeps session from being reclaimed
	hold    *os.File // the same on session itself, should someone unlink lease
	uses    uses     // the records in lease
	denied  error    // why the store cannot be written, or nil
	noLocks error    // why locks cannot be relied on, or nil

	described sync.Map // layerOf by the state of its files; see describeLayer

	closing  sync.Once
	closeErr error
}

// Dir returns the store's directory as an absolute path.
func (s *Store) Dir() string { return s.dir }

// Writable returns nil when the store can be written, and else the error that
// every write will return: it wraps [ErrReadOnly] or [ErrNoSpace].
func (s *Store) Writable() error { return s.denied }

// Close removes the session's temporary files and releases its locks.
// Writers and locks that are still open must not be used afterwards. Calling
// it again does nothing and returns the same error.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.closeErr = s.endSession()
		unlockFile(s.lock)
	})
	return s.closeErr
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}
