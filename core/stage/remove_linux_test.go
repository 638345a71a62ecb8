package stage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"banger/core/stage"
	"banger/internal/need"
)

func TestRemoveClosedDirectoriesAsNobody(t *testing.T) {
	need.Root(t)
	other, home := nobody(t)
	dir := ownedDir(t, home)
	outside := filepath.Join(home, "outside")
	mode := []os.FileMode{0, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o700}
	for i, m := range mode {
		for j, n := range mode {
			sub := filepath.Join(dir, fmt.Sprint(i), fmt.Sprint(j))
			mustDo(t, os.MkdirAll(sub, 0o700), os.WriteFile(sub+"/f", nil, 0), os.Symlink(outside, sub+"/link"), os.Mkdir(sub+"/empty", 0))
			mustDo(t, os.Lchown(sub+"/empty", need.Nobody, need.Nobody), os.Lchown(sub, need.Nobody, need.Nobody), os.Chmod(sub, n))
		}
		top := filepath.Join(dir, fmt.Sprint(i))
		mustDo(t, os.Lchown(top, need.Nobody, need.Nobody), os.Chmod(top, m))
	}
	mustDo(t, os.Chmod(dir, 0), os.Mkdir(outside, 0o755), os.Chown(outside, need.Nobody, need.Nobody), os.WriteFile(outside+"/kept", nil, 0o666))
	if _, err := other.do(job{Remove: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("the directory is still there")
	}
	if st, err := os.Stat(outside + "/kept"); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("what symlinks pointed at: %v, %v", st, err)
	}
}

func TestRemove(t *testing.T) {
	for name, prepare := range map[string]func(dir string) error{
		"missing": func(dir string) error { return os.Remove(dir) },
		"empty":   func(string) error { return nil },
		"file":    func(dir string) error { return os.WriteFile(dir+"/f", []byte("x"), 0) },
		"many": func(dir string) error {
			for i := range 10000 {
				if err := unix.Mknod(fmt.Sprintf("%s/%d", dir, i), unix.S_IFIFO|0o600, 0); err != nil {
					return err
				}
			}
			return nil
		},
		"deep, and names that a deep one may get": func(dir string) error {
			for i := range 5 {
				if err := os.WriteFile(fmt.Sprintf("%s/.moved-%d", dir, i), nil, 0o600); err != nil {
					return err
				}
			}
			return os.MkdirAll(dir+strings.Repeat("/d", 1500), 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := target(t, t.TempDir())
			mustDo(t, prepare(dir))
			remove(t, dir)
		})
	}
}

func TestRemoveFollowsNoSymlink(t *testing.T) {
	outside, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	mustDo(t, os.WriteFile(outside+"/kept", nil, 0o600), os.Symlink(outside, link))
	remove(t, link)
	if _, err := os.Stat(outside + "/kept"); err != nil {
		t.Error(err)
	}
}

func TestRemoveSaysWhatItCannot(t *testing.T) {
	need.Root(t)
	other, home := nobody(t)
	dir := ownedDir(t, home)
	mustDo(t, os.MkdirAll(dir+"/root's", 0o755), os.WriteFile(dir+"/root's/kept", nil, 0o600), os.WriteFile(dir+"/zz", nil, 0o600))
	if _, err := other.do(job{Remove: dir}); err == nil || !strings.Contains(err.Error(), `unlink "kept"`) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir + "/zz"); err == nil {
		t.Error("it stopped at the first failure")
	}
	if err := stage.Remove(dir); err != nil {
		t.Error(err)
	}
}

func mustDo(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
