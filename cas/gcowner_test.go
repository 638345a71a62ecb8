package cas

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/internal/need"
)

// TestGCBesideOtherUsers: in a store that several users write to, one user's
// gc reads what another's process uses, removes what it may, and counts the
// rest. What it cannot read it takes for used.
func TestGCBesideOtherUsers(t *testing.T) {
	blob := Object{KindBlob, digest.FromString("blob")}
	if dir := os.Getenv(userEnv); dir != "" {
		gcAsUser(t, filepath.Join(dir, "store"), blob)
		return
	}
	need.Root(t)
	dir := need.OpenDir(t)
	store := filepath.Join(dir, "store")
	fillStore(t, store)
	openToAll(t, store)
	s := openTest(t, store)
	must(t, s.use(blob))
	asUser(t, dir, nil) // which runs this test again
	must(t, os.Chmod(s.session+leaseSuffix, 0o600))
	asUser(t, dir, nil)
}

func gcAsUser(t *testing.T, store string, blob Object) {
	t.Helper()
	s := openTest(t, store)
	res, err := s.GC(t.Context(), GCOptions{All: true})
	if len(sessionsOf(t, s)) == 0 {
		if !errors.Is(err, ErrBusy) {
			t.Errorf("cannot read what root uses: %v", err)
		}
		return
	}
	must(t, err)
	// To move a directory takes the right to write to it.
	if !has(t, s, blob) || res.Removed[KindAction].Count != 1 || res.Removed[KindImage].Count != 1 || res.Failed != 2 {
		t.Errorf("%+v", res)
	}
}

// sessionsOf returns the other sessions whose uses s may read.
func sessionsOf(t *testing.T, s *Store) (readable []string) {
	t.Helper()
	paths, err := filepath.Glob(s.path("tmp", "*"+leaseSuffix))
	must(t, err)
	for _, path := range paths {
		f, err := os.Open(path)
		if err == nil && path != s.session+leaseSuffix {
			readable = append(readable, path)
		}
		_ = f.Close()
	}
	return readable
}

// openToAll lets everyone write to a store's own directories.
func openToAll(t *testing.T, store string) {
	t.Helper()
	must(t, filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || isHex(e.Name()) {
			return err
		}
		return os.Chmod(path, 0o777)
	}))
}
