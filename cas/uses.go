package cas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// The kinds of objects, as [Object] names them.
const (
	KindBlob     = string(kindBlob)
	KindLayer    = string(kindLayer)
	KindArtifact = string(kindArtifact)
	KindAction   = string(kindAction)
)

// Object names an object of the store.
type Object struct {
	Kind   string // KindBlob, KindLayer, KindArtifact or KindAction
	Digest digest.Digest
}

// uses are the objects that a session uses or makes, as far as it has said
// so in its lock file, where gc reads them.
type uses struct {
	mu      sync.Mutex
	known   map[Object]bool
	written int64 // bytes in the lock file
}

// A use is recorded as a line, KIND DIGEST.
func appendUse(b []byte, o Object) []byte {
	return fmt.Appendf(b, "%s %s\n", o.Kind, o.Digest)
}

// parseUses passes on the uses that b records. What is no record, because
// its writer died over it or someone else wrote it, is skipped.
func parseUses(b []byte, found func(Object)) {
	for line := range bytes.Lines(b) {
		line, whole := strings.CutSuffix(string(line), "\n")
		k, d, ok := strings.Cut(line, " ")
		if !ok || !whole {
			continue
		}
		if _, err := encoded(digest.Digest(d)); err == nil && isKind(k) {
			found(Object{k, digest.Digest(d)})
		}
	}
}

func isKind(k string) bool {
	return k == KindBlob || k == KindLayer || k == KindArtifact || k == KindAction
}

// use records that the session uses the objects, or is about to give one its
// name, before it looks for them: from then until the session ends no gc
// removes them. What is gone already is absent and no error; what the session
// has recorded before costs nothing. A store that cannot be written records
// nothing.
func (s *Store) use(objects ...Object) error {
	if s.lease == nil || s.noLocks != nil {
		return nil
	}
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	var records []byte
	for _, o := range objects {
		if _, err := encoded(o.Digest); err == nil && !s.uses.known[o] {
			records = appendUse(records, o)
		}
	}
	if records == nil {
		return nil
	}
	if err := s.record(records); err != nil {
		return fmt.Errorf("record the use of %s %s: %w", objects[0].Kind, objects[0].Digest, Classify(err))
	}
	if s.uses.known == nil {
		s.uses.known = make(map[Object]bool)
	}
	for _, o := range objects {
		s.uses.known[o] = true
	}
	return nil
}

// record writes records to the session's lock file, and to the journal of a
// gc that is at work. When a write fails in the middle, the next one begins
// in the same place.
func (s *Store) record(records []byte) error {
	bound := make(chan struct{})
	defer time.AfterFunc(usesBound, func() { close(bound) }).Stop()
	unlock, err := s.lockUses(bound)
	if errors.Is(err, errGivenUp) {
		err = fmt.Errorf("%w: %s is held for more than %s", ErrBusy, s.path("locks", usesName), usesBound)
		return hint.With(err, "look for a stopped banger process")
	}
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.lease.WriteAt(records, s.uses.written); err != nil {
		return err
	}
	s.uses.written += int64(len(records))
	return s.noteInJournal(records)
}

// usesName is, below locks, the lock between those who record a use and gc.
const usesName = "uses"

// usesBound is how long a use waits to be recorded: other sessions hold the
// lock for some microseconds, and gc for a few milliseconds.
var usesBound = time.Minute // shorter in a test

// lockUses takes the lock of uses, which gc takes for each small batch that it
// removes, and gives up when done is closed. It is a mutex, not a lock for
// readers and a writer: with shared holders, whose times overlap, gc might
// wait for ever. Waiting is left to the kernel, which wakes waiters at once.
func (s *Store) lockUses(done <-chan struct{}) (unlock func(), err error) {
	path := s.path("locks", usesName)
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	f, err = s.disk.lockOpened(nil, f, path, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, errHeld) {
		f, err = s.disk.lockOpened(done, f, path, unix.LOCK_EX)
	}
	if err != nil {
		return nil, err
	}
	_ = s.owner.take(f)
	return func() { unlockFile(f) }, nil
}

// maxUses bounds what is read of one list of uses, in bytes.
const maxUses = 256 << 20

// readUses adds the uses recorded in f from offset on, and returns where it
// ended.
func readUses(f *os.File, offset int64, found func(Object)) (int64, error) {
	b, err := io.ReadAll(io.NewSectionReader(f, offset, maxUses))
	if err != nil {
		return offset, err
	}
	parseUses(b, found)
	return offset + int64(len(b)), nil
}

// shareWithWriters lets everyone who may write to the store's directory dir
// read and write f, whatever the umask says: such a user's gc has to read it.
// What root makes becomes the store's owner's.
func (s *Store) shareWithWriters(f *os.File, dir string) {
	_ = s.owner.take(f)
	if info, err := os.Stat(s.path(dir)); err == nil {
		_ = f.Chmod(info.Mode() & editable)
	}
}
