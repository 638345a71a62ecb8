package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// maxSocketBase bounds the path of the directory below which go-plugin makes
// its own and in that the socket. A socket's path has 107 bytes on Linux and
// 103 on macOS (unix(7), unix(4)), of which "/banger-run-", "/plugin-dir",
// "/plugin" and three random numbers of ten digits take 60.
const maxSocketBase = len(unix.RawSockaddrUnix{}.Path) - 1 - 60

// sockets is a private directory for a builder's socket. It is locked for as
// long as its maker lives, so that what a killed one left can be told.
type sockets struct {
	dir  string
	lock *os.File
}

const socketPrefix = "banger-run-"

// newSockets makes the directory in temp, or where that path is too long or
// takes no files in a usual place. What others have left there goes.
func newSockets(temp string) (*sockets, error) {
	var failed []string
	for _, base := range []string{temp, filepath.Join("/run/user", strconv.Itoa(os.Getuid())), "/tmp", "/dev/shm", "/var/tmp"} {
		if base == "" || !filepath.IsAbs(base) || len(base) > maxSocketBase {
			continue
		}
		sweepSockets(base)
		dir, err := os.MkdirTemp(base, socketPrefix)
		if err == nil {
			return &sockets{dir, lockDir(dir)}, nil
		}
		failed = append(failed, err.Error())
	}
	err := fmt.Errorf("make a directory for its socket: %s", strings.Join(failed, "; "))
	return nil, hint.With(err, "set TMPDIR to a directory that you may write to, with a short path")
}

// remove removes the directory, once or again.
func (s *sockets) remove() error {
	err := os.RemoveAll(s.dir)
	_ = s.lock.Close() // nil, or was open for its lock
	return err
}

// lockDir returns the directory open and locked, or nil where others hold the
// lock or there are no locks. Nobody takes a directory without a lock for
// abandoned who cannot lock it either.
func lockDir(dir string) *os.File {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		_ = f.Close()
		return nil
	}
	return f
}

// socketGrace is how old a directory is at least that counts as abandoned:
// before it is locked its maker may be just about to do so.
const socketGrace = time.Minute

// sweepSockets removes the directories that processes of this user left in base
// which did not live to do so themselves.
func sweepSockets(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), socketPrefix) {
			continue
		}
		dir := filepath.Join(base, e.Name())
		var st unix.Stat_t
		if unix.Lstat(dir, &st) != nil || int(st.Uid) != os.Geteuid() || time.Since(time.Unix(st.Mtim.Unix())) < socketGrace {
			continue
		}
		if lock := lockDir(dir); lock != nil {
			_ = (&sockets{dir, lock}).remove()
		}
	}
}
