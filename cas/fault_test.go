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

// TestFailingDisk has each call of the commit path fail, for each kind of
// object: the error is told, nothing is visible, nothing is left.
func TestFailingDisk(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSPC, unix.EIO} {
		for call, d := range faults(errno) {
			for what, put := range puts {
				if call == "write" && what == "layer" {
					continue // its files are written by the caller
				}
				t.Run(errno.Error()+" "+call+" "+what, func(t *testing.T) {
					dir := t.TempDir()
					must(t, openTest(t, dir).Close())
					s := openDisk(t, dir, d)
					check := unchanged(t, s)
					err := put(t, s)
					if !errors.Is(err, errno) || errors.Is(err, ErrNoSpace) != (errno == unix.ENOSPC) {
						t.Errorf("got %v", err)
					}
					if call == "syncDir" && what == "action" {
						return // renamed over the old one already, and whole
					}
					check()
				})
			}
		}
	}
}

// crashPoints are where a committing process is killed: before the call, or
// after it.
var crashPoints = []string{
	"before write", "after write", "before sync", "after sync", "before close", "after close",
	"before rename", "after rename", "before syncDir", "after syncDir",
}

func dyingDisk(point string) disk {
	d := realDisk()
	when, call, _ := strings.Cut(point, " ")
	around := func(name string) (before, after func()) {
		nothing := func() {}
		switch {
		case name != call:
			return nothing, nothing
		case when == "before":
			return die, nothing
		default:
			return nothing, die
		}
	}
	wrap := func(name string, f func(*os.File) error) func(*os.File) error {
		before, after := around(name)
		return func(file *os.File) error {
			before()
			defer after()
			return f(file)
		}
	}
	d.sync, d.close = wrap("sync", d.sync), wrap("close", d.close)
	beforeWrite, afterWrite := around("write")
	d.write = func(f *os.File, p []byte) (int, error) {
		beforeWrite()
		n, err := f.Write(p[:len(p)/2])
		afterWrite()
		m, err2 := f.Write(p[len(p)/2:])
		return n + m, errors.Join(err, err2)
	}
	beforeRename, afterRename := around("rename")
	d.rename = func(from, to string, replace bool) error {
		beforeRename()
		defer afterRename()
		return rename(from, to, replace)
	}
	beforeDir, afterDir := around("syncDir")
	d.syncDir = func(dir string) error {
		beforeDir()
		defer afterDir()
		return syncDir(dir)
	}
	return d
}

const crashText = "a blob that is committed by a process that dies"

// commitAndDie puts a blob, or an action, and dies at the crash point.
func commitAndDie(dir string) error {
	what, point, _ := strings.Cut(os.Getenv(argEnv), ":")
	ctx := context.Background()
	if what == "action" {
		whole, err := Open(ctx, dir)
		if err != nil {
			return err
		}
		if _, err := whole.PutBlob(ctx, []byte(crashText)); err != nil {
			return err
		}
	}
	s, err := open(ctx, dir, dyingDisk(point))
	if err != nil {
		return err
	}
	if what == "blob" {
		_, err = s.PutBlob(ctx, []byte(crashText))
		return err
	}
	key, preimage, err := ActionKey("crash")
	if err != nil {
		return err
	}
	return s.PutAction(ctx, Action{Key: key, Preimage: preimage, Blobs: []digest.Digest{digest.FromString(crashText)}})
}

func TestKilledWhileCommitting(t *testing.T) {
	key, _, err := ActionKey("crash")
	must(t, err)
	for _, what := range []string{"blob", "action"} {
		for _, point := range crashPoints {
			t.Run(what+" "+point, func(t *testing.T) {
				dir := t.TempDir()
				must(t, openTest(t, dir).Close())
				_ = helper(t, "commit", dir, what+":"+point).Run()
				visible := strings.HasSuffix(point, "syncDir") || point == "after rename"

				s := openTest(t, dir)
				if left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*")); len(left) != 2 {
					t.Errorf("tmp holds %q", left)
				}
				if what == "blob" {
					_, err = s.ReadBlob(digest.FromString(crashText), 100)
				} else {
					_, err = s.Action(key)
				}
				if visible && err != nil || !visible && (!errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt)) {
					t.Errorf("visible %v: %v", visible, err)
				}
				putText(t, s, crashText)
			})
		}
	}
}
