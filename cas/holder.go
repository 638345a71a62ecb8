package cas

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// Holder is who holds a lock, by their own account.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// String says who it is: "process 4711", or "process 4711 on HOST" for one of
// another host.
func (h Holder) String() string {
	if host, _ := os.Hostname(); h.Host == host {
		return fmt.Sprintf("process %d", h.PID)
	}
	return fmt.Sprintf("process %d on %s", h.PID, h.Host)
}

// maxHolder and maxHost bound a holder's account of itself in bytes; no
// hostname is longer than the latter (gethostname(2), HOST_NAME_MAX).
const (
	maxHolder = 512
	maxHost   = 64
)

// Holder says who holds the lock that [Store.Lock] waits for, as far as that
// is known: a holder that may not write to the lock file, which another user
// has made, stays unnamed, and so does one that has ended.
func (s *Store) Holder(kind string, d digest.Digest) (Holder, bool) {
	hex, err := encoded(d)
	if err != nil {
		return Holder{}, false
	}
	b, err := readSmall(s.path("locks", kind+"-"+hex), maxHolder)
	if err != nil {
		return Holder{}, false
	}
	return parseHolder(b)
}

// parseHolder makes what anyone may have written into a lock file harmless.
func parseHolder(b []byte) (Holder, bool) {
	var h Holder
	if json.Unmarshal(b, &h) != nil || h.PID <= 0 || len(h.Host) > maxHost {
		return Holder{}, false
	}
	h.Host = strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, h.Host)
	host, _ := os.Hostname()
	if h.Host == host && unix.Kill(h.PID, 0) == unix.ESRCH {
		return Holder{}, false // of an earlier holder
	}
	return h, true
}

// sign writes into a lock file who holds it, as well as that goes.
func sign(f *os.File) {
	host, _ := os.Hostname()
	b, err := json.Marshal(Holder{os.Getpid(), host[:min(len(host), maxHost)], time.Now().UTC().Truncate(time.Second)})
	if err == nil && f.Truncate(0) == nil {
		_, _ = f.WriteAt(b, 0)
	}
}

// unsign takes that away before the lock is released.
func unsign(f *os.File) { _ = f.Truncate(0) }
