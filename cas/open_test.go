package cas

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/need"
)

func TestOpenMakesLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "store")
	s, err := Open(t.Context(), dir)
	must(t, err)
	want := []string{"VERSION", "index.json", "oci-layout"}
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	for _, name := range []string{"blobs/sha256", "layers/sha256", "artifacts/sha256", "actions/sha256", "tmp", "locks", "quarantine"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, s.Close())
	must(t, s.Close())
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 0 {
		t.Errorf("tmp holds %v after Close", left)
	}
}

func TestOpenMendsHalfMadeLayout(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, ".VERSION-XYZ"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	must(t, openTest(t, dir).Close())
	for _, name := range []string{"index.json", "blobs", "quarantine"} {
		must(t, os.RemoveAll(filepath.Join(dir, name)))
	}
	d := putText(t, openTest(t, dir), "x")
	if _, err := openTest(t, dir).ReadBlob(d, 1); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		file, content string
		want          error
	}{
		"newer store":       {"VERSION", "banger store 2\n", ErrVersion},
		"empty VERSION":     {"VERSION", "", ErrVersion},
		"huge VERSION":      {"VERSION", strings.Repeat("x", 5000), ErrTooLarge},
		"someone's files":   {"thesis.tex", "…", ErrVersion},
		"other OCI layout":  {"index.json", emptyIndex, ErrVersion},
		"VERSION not ended": {"VERSION", strings.TrimSpace(version), ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.content), 0o600))
			if _, err := Open(t.Context(), dir); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if got := tree(t, dir); !slices.Equal(got, []string{tc.file}) {
				t.Errorf("directory now holds %q", got)
			}
		})
	}
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		must(t, os.WriteFile(path, nil, 0o600))
		if _, err := Open(t.Context(), path); !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ended context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Open(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOpenByManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			s, err := Open(context.Background(), dir)
			if err == nil {
				_, err = s.PutBlob(context.Background(), []byte("same"))
				err = errors.Join(err, s.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := len(tree(t, dir)); got != 4 {
		t.Errorf("%d files: %q", got, tree(t, dir))
	}
}

// holdSession leaves what a killed build leaves.
func holdSession(dir string) error {
	s, err := Open(context.Background(), dir)
	if err != nil {
		return err
	}
	tmp, _, err := s.TempDir("stage")
	if err != nil {
		return err
	}
	if err := errors.Join(
		os.MkdirAll(filepath.Join(tmp, "a", "b"), 0o700),
		os.WriteFile(filepath.Join(tmp, "a", "b", "f"), nil, 0o400),
		os.Chmod(filepath.Join(tmp, "a", "b"), 0),
		os.Chmod(filepath.Join(tmp, "a"), 0),
	); err != nil {
		return err
	}
	if _, err := s.NewBlob(); err != nil {
		return err
	}
	return readyUntilKilled()
}

func TestReclaimsTheDeadOnly(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	kill := startHelper(t, "hold session", dir, "")
	orphan := filepath.Join(dir, "tmp", "orphan")
	must(t, os.Mkdir(orphan, 0o700))
	sessions := func() int {
		dirs, err := filepath.Glob(filepath.Join(dir, "tmp", "*"+leaseSuffix))
		must(t, err)
		return len(dirs)
	}

	must(t, openTest(t, dir).Close())
	if n := sessions(); n != 2 {
		t.Errorf("%d sessions while two live", n)
	}
	if _, err := os.Stat(orphan); !absent(err) {
		t.Errorf("orphan: %v", err)
	}
	kill()
	must(t, openTest(t, dir).Close())
	if n := sessions(); n != 1 {
		t.Errorf("%d sessions while one lives", n)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) != 2 {
		t.Errorf("tmp holds %v", left)
	}
	putText(t, s, "the living can still write")
}

func TestTempDirGoesWhateverIsInIt(t *testing.T) {
	dir := need.OpenDir(t)
	asUser(t, dir, func(t *testing.T) {
		s := openTest(t, filepath.Join(dir, "store"))
		outside := filepath.Join(dir, "outside")
		must(t, os.Mkdir(outside, 0o500))
		tmp, remove, err := s.TempDir("stage")
		must(t, err)
		if info, err := os.Stat(tmp); err != nil || info.Mode().Perm() != 0o700 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
		deep := filepath.Join(tmp, "a", "b", "c")
		must(t, os.MkdirAll(deep, 0o700))
		must(t, os.Symlink(outside, filepath.Join(deep, "link")))
		for _, d := range []string{deep, filepath.Dir(deep), filepath.Join(tmp, "a"), tmp} {
			must(t, os.Chmod(d, 0))
		}
		remove()
		if _, err := os.Lstat(tmp); !absent(err) {
			t.Errorf("still there: %v", err)
		}
		if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o500 {
			t.Errorf("outside touched: %v, %v", info.Mode(), err)
		}
	})
}

// TestOpenMeetsAnother: of two who make a store at once one may be refused to
// write VERSION, as by an NFS client.
func TestOpenMeetsAnother(t *testing.T) {
	for _, there := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "store")
		d := quickDisk()
		d.rename = func(from, to string, replace bool) error {
			if filepath.Base(to) != "VERSION" {
				return rename(from, to, replace)
			}
			if there {
				must(t, os.WriteFile(to, []byte(version), 0o444))
			}
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.ETXTBSY}
		}
		s, err := open(t.Context(), dir, d)
		if (err == nil) != there || !there && !errors.Is(err, unix.ETXTBSY) {
			t.Errorf("VERSION is there: %v, error: %v", there, err)
		}
		if err == nil {
			putText(t, s, "x")
			must(t, s.Close())
		}
		if left, _ := filepath.Glob(filepath.Join(dir, versionTemp+"*")); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// TestOpenSyncsTheNamesOfAnother: who has made the directories of a store may
// have died before their names were on the disk.
func TestOpenSyncsTheNamesOfAnother(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "VERSION"), []byte(version), 0o444))
	for _, name := range layoutDirs() {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	synced := map[string]bool{}
	d := quickDisk()
	d.syncDir = func(dir string) error {
		synced[dir] = true
		return nil
	}
	openDisk(t, dir, d)
	for _, name := range layoutDirs() {
		if parent := filepath.Dir(filepath.Join(dir, name)); !synced[parent] {
			t.Errorf("%s was not synced, which holds the name of %s", parent, name)
		}
	}
}
