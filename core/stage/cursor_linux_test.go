package stage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestCursorStaysBeneath has a symlink where the tree has a directory, as if
// it had been put there meanwhile.
func TestCursorStaysBeneath(t *testing.T) {
	dir := t.TempDir()
	for _, link := range []struct{ name, target string }{{"abs", "/"}, {"up", "../.."}, {"inside", "d"}} {
		if err := os.Symlink(link.target, filepath.Join(dir, link.name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir+"/d/e", 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	for _, path := range []string{"abs", "abs/etc", "up", "inside", "inside/e", "..", "d/..", "d/../..", ".", "d/./e", "d//e", "/"} {
		c := cursor{root: root}
		if _, err := c.dir(path); err == nil {
			t.Errorf("%q was opened", path)
		}
		if _, err := c.dir("d/e"); err != nil {
			t.Errorf("after %q: %v", path, err)
		}
		c.close()
	}
}

// TestCursor walks at random and checks that it is where it was sent.
func TestCursor(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, p := range []string{"a", "a/b", "a/b/c", "a/bb", "a-b", "ab", "ab/c", strings.Repeat("x/", 100) + "x"} {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		paths = append(paths, strings.TrimPrefix(rel, "."))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	root, err := openRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(root)
	rapid.Check(t, func(rt *rapid.T) {
		c := cursor{root: root}
		defer c.close()
		for _, p := range rapid.SliceOf(rapid.SampledFrom(append(paths, "missing", "a/missing/b"))).Draw(rt, "walk") {
			fd, err := c.dir(p)
			if slices.Contains(paths, p) != (err == nil) {
				rt.Fatalf("%q: %v", p, err)
			}
			if err != nil {
				if !errors.Is(err, unix.ENOENT) {
					rt.Fatal(err)
				}
				continue
			}
			var got, want unix.Stat_t
			if err := errors.Join(unix.Fstat(fd, &got), unix.Stat(filepath.Join(dir, p), &want)); err != nil {
				rt.Fatal(err)
			}
			if got.Ino != want.Ino || len(c.open) > maxOpen {
				rt.Fatalf("%q: inode %d, want %d; %d open", p, got.Ino, want.Ino, len(c.open))
			}
		}
	})
}
