package cas

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// stock is what a store holds, as far as gc may remove it.
type stock struct {
	now     time.Time
	objects map[Object]holding
	litter  []litter
}

// holding is an object that is there.
type holding struct {
	bytes  int64
	stamp  time.Time // modification time on the disk
	time   time.Time // last change, and last use of an action or a manifest; never in the future
	future bool      // the stamp is
}

// litter is a thing in quarantine, a dead temporary, or the beginning of a blob.
type litter struct {
	kind, name, path string
	bytes            int64
	stays            bool // unless everything goes
}

// futureSlack is how far a stamp may lie in the future without being wrong: a
// mark changes the fraction of its second, and clocks of the kernel and of the
// process differ by a tick.
const futureSlack = 2 * time.Second

func (s *Store) takeStock(ctx context.Context, now time.Time) (*stock, error) {
	st := &stock{now: now, objects: make(map[Object]holding)}
	for _, k := range []kind{kindBlob, kindLayer, kindArtifact, kindAction} {
		entries, err := os.ReadDir(s.path(k.dir()))
		if err != nil && !absent(err) {
			return nil, err
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if isHex(e.Name()) {
				st.add(Object{string(k), digest.NewDigestFromEncoded(digest.SHA256, e.Name())}, s.path(k.dir(), e.Name()))
			}
		}
	}
	return st, s.findLitter(st)
}

func (st *stock) add(o Object, path string) {
	info, err := os.Lstat(path)
	if err != nil {
		return // removed meanwhile
	}
	h := holding{bytes: allocated(path, info), stamp: info.ModTime(), time: info.ModTime()}
	if h.time.After(st.now) {
		h.future = h.time.After(st.now.Add(futureSlack))
		h.time = st.now
	}
	st.objects[o] = h
}

// bytes sums up all of it.
func (st *stock) bytes() (sum int64) {
	for _, h := range st.objects {
		sum += h.bytes
	}
	for _, l := range st.litter {
		sum += l.bytes
	}
	return sum
}

// has says whether an object is there.
func (st *stock) has(o Object) bool {
	_, ok := st.objects[o]
	return ok
}

// findLitter adds what is in quarantine, and what the dead left in tmp.
func (s *Store) findLitter(st *stock) error {
	bad, err := os.ReadDir(s.path("quarantine"))
	if err != nil && !absent(err) {
		return err
	}
	for _, e := range bad {
		st.litter = append(st.litter, s.litter(KindQuarantine, "quarantine", e.Name()))
	}
	if s.noLocks == nil {
		for _, p := range s.partials(st.now) {
			st.litter = append(st.litter, litter{KindPartial, p.hex, s.path(partialDir, p.hex), p.bytes, !p.stale})
		}
	}
	temps, err := os.ReadDir(s.path("tmp"))
	if err != nil && !absent(err) {
		return err
	}
	for _, e := range temps {
		dir := s.path("tmp", strings.TrimSuffix(e.Name(), leaseSuffix))
		if dir != s.session && s.noLocks == nil && s.dead(dir) {
			st.litter = append(st.litter, s.litter(KindTemporary, "tmp", e.Name()))
		}
	}
	return nil
}

func (s *Store) litter(kind, dir, name string) litter {
	path := s.path(dir, name)
	l := litter{kind: kind, name: name, path: path}
	if info, err := os.Lstat(path); err == nil {
		l.bytes = allocated(path, info)
	}
	return l
}

// dead says whether the process of a session is gone, without leaving a trace.
func (s *Store) dead(session string) bool {
	f, err := os.OpenFile(session+leaseSuffix, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err == nil {
		defer unlockFile(f)
		err = s.disk.flock(f, unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil && !absent(err) {
		return false
	}
	return !s.orphan(session)
}

// blockSize is the unit of st_blocks (stat(2)).
const blockSize = 512

// allocated returns the bytes that the filesystem has allocated for what is at
// path, directories and all they hold included. What is not there counts
// nothing.
func allocated(path string, info os.FileInfo) int64 {
	var sum int64
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		sum = st.Blocks * blockSize
	}
	if !info.IsDir() {
		return sum
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return sum
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += allocated(filepath.Join(path, e.Name()), info)
		}
	}
	return sum
}
