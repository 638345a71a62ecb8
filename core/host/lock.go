package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/opencontainers/go-digest"

	"banger/internal/hint"
)

// ErrLocked is wrapped by the error about a builder that the user's lock does
// not list, or lists with other bytes. Such a builder is not started.
var ErrLocked = errors.New("not accepted")

// Lock lists the third-party builders that a user has accepted: for each name
// and platform the digest of its file. With a lock, no other one is started.
type Lock struct {
	// Builders by name, and for each its digests by "OS/ARCH".
	Builders map[string]map[string]digest.Digest
}

// lockFile is a Lock as JSON.
type lockFile struct {
	Version  int                                 `json:"version"`
	Builders map[string]map[string]digest.Digest `json:"builders"`
}

const (
	lockVersion = 1
	maxLockFile = 16 << 20 // bytes
)

// Platform names the platform that this program runs on, as a Lock does.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// ReadLock reads what Lock.Write wrote. It takes nothing else: a lock that is
// misread would let in what it should keep out.
func ReadLock(r io.Reader) (*Lock, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxLockFile+1))
	if err != nil {
		return nil, err
	}
	var f lockFile
	switch err := json.Unmarshal(text, &f); {
	case len(text) > maxLockFile:
		return nil, fmt.Errorf("it has more than %d bytes", maxLockFile)
	case err != nil:
		return nil, err
	case f.Version != lockVersion:
		return nil, fmt.Errorf("it has version %d, and this banger reads %d", f.Version, lockVersion)
	}
	for name, platforms := range f.Builders {
		if !isName(name) {
			return nil, fmt.Errorf("%s cannot be a builder's name", quote(name))
		}
		for platform, d := range platforms {
			if d.Validate() != nil || d.Algorithm() != digest.SHA256 {
				return nil, fmt.Errorf("builder %s has the digest %s for %s: want sha256:HEX", name, quote(d.String()), quote(platform))
			}
		}
	}
	return &Lock{Builders: f.Builders}, nil
}

// Write writes the lock as JSON. Equal locks give equal bytes.
func (l *Lock) Write(w io.Writer) error {
	f := lockFile{Version: lockVersion, Builders: l.Builders}
	if f.Builders == nil {
		f.Builders = map[string]map[string]digest.Digest{}
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Accept notes a builder's file for this platform.
func (l *Lock) Accept(name string, d digest.Digest) {
	if l.Builders == nil {
		l.Builders = make(map[string]map[string]digest.Digest)
	}
	if l.Builders[name] == nil {
		l.Builders[name] = make(map[string]digest.Digest)
	}
	l.Builders[name][Platform()] = d
}

// Forget drops all builders of this platform.
func (l *Lock) Forget() {
	for name := range l.Builders {
		delete(l.Builders[name], Platform())
		if len(l.Builders[name]) == 0 {
			delete(l.Builders, name)
		}
	}
}

// check tells whether the lock, which may be nil, lets b's file be started.
func (l *Lock) check(b *Builder, d digest.Digest) error {
	if l == nil || b.Bundled {
		return nil
	}
	accepted, ok := l.Builders[b.Name][Platform()]
	if ok && accepted == d {
		return nil
	}
	err := fmt.Errorf("%w: builders.lock lists no builder %s for %s", ErrLocked, b.Name, Platform())
	if ok {
		err = fmt.Errorf("%w: builders.lock lists builder %s as %s", ErrLocked, b.Name, accepted)
	}
	err = fmt.Errorf("%w, and %s is %s", err, b.Path, d)
	return hint.With(err, "if you trust it: banger builders lock "+b.Name)
}
