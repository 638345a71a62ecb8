package cas

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"banger/internal/hint"
)

// version is the whole content of the file VERSION.
const version = "banger store 1\n"

// versionTemp begins the name of a VERSION that is being written.
const versionTemp = ".VERSION-"

// hasVersion says whether dir is a store of our version. A store of another
// one is an ErrVersion.
func hasVersion(dir string) (bool, error) {
	b, err := readSmall(filepath.Join(dir, "VERSION"), 4096)
	if absent(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if string(b) != version {
		err := fmt.Errorf("%w: its VERSION says %.60q, and this program knows %q", ErrVersion, b, version)
		return false, hint.With(err, "use the program that made it, or another store")
	}
	return true, nil
}

// writeVersion makes dir a store. VERSION is the first name to appear in it,
// so what else is there without a VERSION is not ours.
func (s *Store) writeVersion() error {
	if err := s.disk.makeDirs(s.dir); err != nil {
		return err
	}
	if err := s.refuseForeign(); err != nil {
		// Another process may have made the store between our two looks.
		if found, foundErr := hasVersion(s.dir); found || foundErr != nil {
			return foundErr
		}
		return err
	}
	temp := s.path(versionTemp + rand.Text())
	defer func() { _ = os.Remove(temp) }()
	if err := s.writeSmall(temp, []byte(version), readOnly); err != nil {
		return err
	}
	if err := s.disk.rename(temp, s.path("VERSION"), true); err != nil {
		// Someone else's is as good: an NFS client refuses to replace a file
		// that it is replacing already (ETXTBSY).
		if found, _ := hasVersion(s.dir); !found {
			return err
		}
	}
	return s.disk.syncDir(s.dir)
}

// refuseForeign returns an error if the directory holds what is no store.
func (s *Store) refuseForeign() error {
	name, err := foreignName(s.dir)
	if err != nil || name == "" {
		return err
	}
	err = fmt.Errorf("%w: it has no VERSION but holds %q", ErrVersion, name)
	return hint.With(err, "name an empty or a new directory")
}

// foreignName returns a name in dir that does not belong to an empty
// directory, or "".
func foreignName(dir string) (string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = d.Close() }()
	for {
		names, err := d.Readdirnames(64)
		for _, name := range names {
			if name != "lost+found" && !strings.HasPrefix(name, versionTemp) {
				return name, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
	}
}
