package cas

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
	"banger/internal/need"
)

// TestRootInAUsersStore: what root puts there, with whatever umask, the user
// can use, replace and add to; what root stages stays out of reach.
func TestRootInAUsersStore(t *testing.T) {
	dir := os.Getenv(userEnv)
	store := filepath.Join(dir, "store")
	if dir == "" {
		need.Root(t)
		dir = need.OpenDir(t)
		store = filepath.Join(dir, "store")
		must(t, os.Mkdir(store, 0o755))
		must(t, os.Chown(store, need.Nobody, need.Nobody))
		mask := unix.Umask(0o077)
		s := openTest(t, store)
		unlock, err := s.Lock(t.Context(), "layer", lockDigest)
		unix.Umask(mask)
		must(t, err)
		unlock()
		unix.Umask(0o077)
		doSteps(t, s)
		unix.Umask(mask)
		checkOwners(t, store)
		must(t, s.Close())
	}
	asUser(t, dir, func(t *testing.T) {
		s := openTest(t, store)
		must(t, s.Writable())
		if err := checkAbsentOrWhole(s); err != nil {
			t.Error(err)
		}
		for _, st := range steps {
			must(t, st.there(s))
		}
		unlock, err := s.Lock(t.Context(), "layer", lockDigest)
		must(t, err)
		unlock()
		must(t, s.QuarantineLayer(stepDiffID, errors.New("why")))
		doSteps(t, s)
	})
}

// checkOwners looks that only sessions are root's.
func checkOwners(t *testing.T, store string) {
	t.Helper()
	must(t, filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
		must(t, err)
		if e.IsDir() && filepath.Dir(path) == filepath.Join(store, "tmp") {
			return fs.SkipDir
		}
		info, err := e.Info()
		must(t, err)
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != need.Nobody && !strings.Contains(path, "/quarantine/") && !strings.Contains(path, "/tmp/") {
			t.Errorf("%s belongs to uid %d", path, uid)
		}
		return nil
	}))
}

// TestClockJumps: no time on the disk makes a difference to what is found.
func TestClockJumps(t *testing.T) {
	for _, at := range []time.Time{time.Unix(0, 0), time.Now().Add(-10 * time.Hour), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)} {
		dir := filepath.Join(t.TempDir(), "store")
		s := openTest(t, dir)
		doSteps(t, s)
		dead := startHelper(t, "hold session", dir, "")
		dead()
		must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrPermission) {
				return nil // what the dead had staged may be closed to its owner
			}
			return errors.Join(err, os.Chtimes(path, at, at))
		}))
		s = openTest(t, dir)
		for _, st := range steps {
			must(t, st.there(s))
		}
		doSteps(t, s)
		if left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*"+leaseSuffix)); len(left) != 2 {
			t.Errorf("at %v: sessions %q, want those of the living", at, left)
		}
	}
}

// TestTemporaryFilesElsewhere has a directory of the store on another
// filesystem, where nothing can be renamed to.
func TestTemporaryFilesElsewhere(t *testing.T) {
	for _, name := range []string{"tmp", "blobs", "artifacts", "actions", "layers"} {
		dir := filepath.Join(t.TempDir(), "store")
		must(t, openTest(t, dir).Close())
		elsewhere := filepath.Join(dir, name)
		need.Tmpfs(t, elsewhere, "size=1m")
		s := openTest(t, dir)
		failed := 0
		for _, st := range steps[:5] {
			if err := st.do(t.Context(), s); err != nil {
				if failed++; errors.Is(err, unix.EXDEV) && hint.Of(err) != "keep all directories of the store on one filesystem" {
					t.Errorf("%s elsewhere, %s: hint %q: %v", name, st.name, hint.Of(err), err)
				}
			}
		}
		if failed == 0 {
			t.Errorf("%s elsewhere: nothing failed", name)
		}
		if err := checkAbsentOrWhole(s); err != nil {
			t.Error(err)
		}
		must(t, s.Close())
		must(t, unix.Unmount(elsewhere, 0)) // nothing has it open
		doSteps(t, openTest(t, dir))
	}
}

// TestNamesDoNotDependOnCase: on a filesystem that folds cases the store means
// the same, for no two names in a directory fold to one, and what is looked up
// by a digest is of lower-case digits.
func TestNamesDoNotDependOnCase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openTest(t, dir)
	for range 20 {
		doSteps(t, s)
	}
	folded := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		must(t, err)
		key := strings.ToLower(path)
		if other, ok := folded[key]; ok {
			t.Errorf("%s and %s", path, other)
		}
		folded[key] = path
		if name := filepath.Base(path); strings.Contains(path, "/sha256/") && name != strings.ToLower(name) {
			t.Errorf("%s is not in lower case", path)
		}
		return nil
	}))
	if len(folded) < 60 {
		t.Errorf("only %d names", len(folded))
	}
}

// TestPathsOverTheLimits: a place that cannot be is refused before anything is
// made, and a store as deep as a path may be works or says why not.
func TestPathsOverTheLimits(t *testing.T) {
	base := t.TempDir()
	for name, dir := range map[string]string{
		"a name over NAME_MAX": filepath.Join(base, strings.Repeat("n", 256)),
		"a path over PATH_MAX": filepath.Join(base, strings.Repeat("d/", 2100)),
	} {
		if _, err := Open(t.Context(), dir); !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	for _, length := range []int{3900, 3990, 4040} {
		dir := base + "/"
		for len(dir) < length {
			dir += strings.Repeat("x", min(200, length-len(dir))) + "/"
		}
		s, err := open(t.Context(), dir, quickDisk())
		if err == nil {
			err = errors.Join(putStepArtifact(t.Context(), s), s.Close())
		}
		if err != nil && !errors.Is(err, unix.ENAMETOOLONG) {
			t.Errorf("a store at a path of %d bytes: %.100v", length, err)
		}
		if length == 3900 && err != nil {
			t.Errorf("a store at a path of %d bytes: %v", length, err)
		}
	}
}
