package cas

import (
	"os"

	"golang.org/x/sys/unix"
)

// journalName is, below locks, the file in which every session notes its uses
// while a gc is at work. It makes up for sessions that begin and end after gc
// has looked for the living: what anyone has used since gc began stays.
const journalName = "journal"

// noteInJournal appends records to the journal, if there is one. The caller
// holds the lock of uses.
func (s *Store) noteInJournal(records []byte) error {
	f, err := os.OpenFile(s.path("locks", journalName), os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.Write(records)
	return err
}

// startJournal begins an empty journal. The caller is the one gc, and holds
// the lock of uses.
func (s *Store) startJournal() (*os.File, error) {
	path := s.path("locks", journalName)
	if err := os.Remove(path); err != nil && !absent(err) {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		s.shareWithWriters(f, "locks")
	}
	return f, err
}

// endJournal closes and removes the journal.
func (s *Store) endJournal(f *os.File) {
	_ = f.Close()
	_ = os.Remove(s.path("locks", journalName))
}

// dropDeadJournal removes the journal of a gc that was killed, which nobody
// reads any more.
func (s *Store) dropDeadJournal() {
	if _, err := os.Lstat(s.path("locks", journalName)); err != nil {
		return
	}
	f, err := s.disk.tryLockFile(s.path("locks", "gc"), unix.LOCK_EX)
	if err != nil {
		return
	}
	defer unlockFile(f)
	_ = os.Remove(s.path("locks", journalName))
}
