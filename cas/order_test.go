package cas

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// puts put one object of each kind.
var puts = map[string]func(t *testing.T, s *Store) error{
	"blob": func(t *testing.T, s *Store) error {
		_, err := s.PutBlob(t.Context(), []byte("text"))
		return err
	},
	"layer": func(t *testing.T, s *Store) error { return putLayer(t, s, digest.FromString("tar"), "i", "p") },
	"artifact": func(t *testing.T, s *Store) error {
		w, err := s.NewArtifact()
		must(t, err)
		defer w.Abort()
		must(t, os.WriteFile(w.Path(), []byte("image"), 0o600))
		_, err = w.Commit(t.Context(), "application/x-test")
		return err
	},
	"action": func(t *testing.T, s *Store) error {
		key, preimage, err := ActionKey("question")
		must(t, err)
		return s.PutAction(t.Context(), Action{Key: key, Preimage: preimage})
	},
}

// TestCommitOrder: data, then the directory it is in, then the name, then the
// directory that holds the name.
func TestCommitOrder(t *testing.T) {
	for what, want := range map[string][]string{
		"blob":     {"sync blob", "rename", "syncDir sha256"},
		"layer":    {"sync index|pack", "sync index|pack", "syncDir layer", "rename", "syncDir sha256"},
		"artifact": {"sync image", "sync manifest.json", "rename", "syncDir object", "rename", "syncDir sha256"},
		"action":   {"sync file", "rename", "syncDir sha256"},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			must(t, openTest(t, dir).Close())
			var mu sync.Mutex
			var calls []string
			note := func(call, path string) error {
				mu.Lock()
				defer mu.Unlock()
				name, _, _ := strings.Cut(filepath.Base(path), "-")
				if name == indexName || name == packName {
					name = "index|pack"
				}
				calls = append(calls, strings.TrimSpace(call+" "+name))
				return nil
			}
			d := realDisk()
			d.sync = func(f *os.File) error { return note("sync", f.Name()) }
			d.syncDir = func(dir string) error { return note("syncDir", dir) }
			d.rename = func(from, to string, replace bool) error {
				return errors.Join(note("rename", "-"), rename(from, to, replace))
			}
			must(t, puts[what](t, openDisk(t, dir, d)))
			if !slices.Equal(calls, want) {
				t.Errorf("got  %q\nwant %q", calls, want)
			}
		})
	}
}

// TestCommitKeepsWhatIsThere: what is committed again is neither written again
// nor replaced, and every object is read-only.
func TestCommitKeepsWhatIsThere(t *testing.T) {
	s := openTest(t, t.TempDir())
	objects := func() map[string]os.FileInfo {
		files := map[string]os.FileInfo{}
		for _, name := range tree(t, s.dir) {
			if strings.Contains(name, "/sha256/") {
				info, err := os.Lstat(s.path(name))
				must(t, err)
				files[name] = info
			}
		}
		return files
	}
	putAll := func() {
		for _, what := range []string{"blob", "layer", "artifact"} {
			must(t, puts[what](t, s))
		}
	}
	putAll()
	before := objects()
	putAll()
	after := objects()
	if len(before) != 5 || len(after) != 5 {
		t.Errorf("%d objects' files, then %d", len(before), len(after))
	}
	for name, info := range before {
		if !os.SameFile(info, after[name]) || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%s was replaced, or has mode %v", name, info.Mode())
		}
	}
}

// TestCommitSyncsTheNameOfAnother: who has given the object its name may have
// been killed before it was on the disk.
func TestCommitSyncsTheNameOfAnother(t *testing.T) {
	for _, what := range []string{"blob", "layer", "artifact"} {
		dir := t.TempDir()
		must(t, puts[what](t, openTest(t, dir)))
		var synced []string
		d := quickDisk()
		d.syncDir = func(dir string) error {
			synced = append(synced, dir)
			return nil
		}
		s := openDisk(t, dir, d)
		must(t, puts[what](t, s))
		if place := s.path(kind(what).dir()); !slices.Contains(synced, place) {
			t.Errorf("%s: synced %q, and not %s", what, synced, place)
		}
	}
}

// TestCommitMeetsTheUnseen: a name is taken, and what has it is not to be
// seen, as by the client of a network filesystem whom another host has
// forestalled. It may be gone, or come to be seen.
func TestCommitMeetsTheUnseen(t *testing.T) {
	for _, what := range []string{"blob", "layer", "artifact"} {
		for _, comes := range []bool{false, true} {
			dir := t.TempDir()
			tries := 0
			d := quickDisk()
			d.rename = func(from, to string, replace bool) error {
				if filepath.Dir(to) != filepath.Join(dir, kind(what).dir()) {
					return rename(from, to, replace)
				}
				if tries++; tries < 3 {
					return &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.ENOTEMPTY}
				}
				if comes {
					must(t, puts[what](t, openTest(t, dir)))
				}
				return rename(from, to, replace)
			}
			s := openDisk(t, dir, d)
			must(t, puts[what](t, s))
			made, madeErr := os.ReadDir(s.path(kind(what).dir()))
			bad, badErr := os.ReadDir(s.path("quarantine"))
			if err := errors.Join(madeErr, badErr); tries != 3 || err != nil || len(made) != 1 || len(bad) > 0 {
				t.Errorf("%s: %d tries made %v, in quarantine %v, %v", what, tries, made, bad, err)
			}
		}
	}
}
