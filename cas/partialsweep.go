package cas

import (
	"cmp"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// The bounds on what is kept of blobs that are not being fetched: how long it
// is, and how many bytes of it in all.
const (
	partialAge   = 7 * 24 * time.Hour
	partialBytes = 16 << 30
)

// KindPartial is, in the result of a GC, the beginning of a blob.
const KindPartial = "partial"

// partial is the beginning of a blob that nobody is fetching.
type partial struct {
	hex   string
	bytes int64 // allocated
	time  time.Time
	stale bool // it is over the bounds
}

// partials lists what is kept, the youngest first.
func (s *Store) partials(now time.Time) []partial {
	entries, err := os.ReadDir(s.path(partialDir))
	if err != nil {
		return nil
	}
	var list []partial
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !isHex(e.Name()) || s.fetched(e.Name()) {
			continue
		}
		list = append(list, partial{hex: e.Name(), bytes: allocated(s.path(partialDir, e.Name()), info), time: info.ModTime()})
	}
	slices.SortFunc(list, func(a, b partial) int { return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.hex, b.hex)) })
	bound(list, now, partialBytes)
	return list
}

// bound finds what is over the bounds in a list, the youngest first.
func bound(list []partial, now time.Time, most int64) {
	sum := int64(0)
	for i := range list {
		p := &list[i]
		sum += p.bytes
		p.stale = now.Sub(p.time) > partialAge || sum > most
	}
}

// fetched says whether a process is fetching the blob, and leaves no trace.
func (s *Store) fetched(hex string) bool {
	f, err := os.Open(s.path("locks", "partial-"+hex))
	if err != nil {
		return !absent(err)
	}
	defer unlockFile(f)
	return s.disk.flock(f, unix.LOCK_EX|unix.LOCK_NB) != nil
}

func (s *Store) sweepPartials() {
	for _, p := range s.partials(time.Now()) {
		if p.stale {
			s.removePartial(p.hex)
		}
	}
}

// removePartial removes what is kept of a blob, unless it is being fetched.
func (s *Store) removePartial(hex string) {
	lock, err := s.lockPartial(hex)
	if err != nil {
		return
	}
	defer unlockFile(lock)
	_ = os.Remove(s.path(partialDir, hex))
}
