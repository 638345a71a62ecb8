package cas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"banger/internal/need"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// ways are the ways to copy: as this machine can, and with less and less help
// from the kernel.
func ways() map[string]disk {
	asIs, noTmpfile, byHand := quickDisk(), quickDisk(), quickDisk()
	noTmpfile.tmpfile = func(string) (*os.File, error) { return nil, unix.EOPNOTSUPP }
	byHand.tmpfile = noTmpfile.tmpfile
	byHand.clone = func(*outFile, *os.File) error { return unix.EXDEV }
	return map[string]disk{"as it is": asIs, "no O_TMPFILE": noTmpfile, "by hand": byHand}
}

func putImage(t testing.TB, s *Store, text string) Artifact {
	t.Helper()
	return putArtifact(t, s, func(f *os.File) error { _, err := f.WriteString(text); return err })
}

func TestCopyOut(t *testing.T) {
	for name, d := range ways() {
		for _, fsync := range []bool{false, true} {
			t.Run(fmt.Sprint(name, fsync), func(t *testing.T) {
				s := openDisk(t, t.TempDir(), d)
				dir := t.TempDir()
				dst := filepath.Join(dir, "rootfs.ext4")
				for _, text := range []string{"first", "the second image", ""} {
					a := putImage(t, s, text)
					must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{Fsync: fsync}))
					b, err := os.ReadFile(dst)
					if err != nil || string(b) != text {
						t.Errorf("%q, %v", b, err)
					}
				}
				must(t, os.WriteFile(dst, []byte("the user's own"), 0o600))
				if b, err := os.ReadFile(putImage(t, s, "first").Path); err != nil || string(b) != "first" {
					t.Errorf("the store's image is %q, %v", b, err)
				}
				if got := tree(t, dir); len(got) != 1 {
					t.Errorf("left %q", got)
				}
			})
		}
	}
}

func TestWriteOutput(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "out.tar")
	for _, text := range []string{"first", "second"} {
		must(t, WriteOutput(t.Context(), dst, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}))
		if b, err := os.ReadFile(dst); err != nil || string(b) != text {
			t.Errorf("%q, %v", b, err)
		}
	}
	err := WriteOutput(t.Context(), dst, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, fs.ErrInvalid)
	})
	if !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("failed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = WriteOutput(ctx, dst, func(w io.Writer) error {
		cancel()
		_, err := w.Write([]byte("x"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if b, err := os.ReadFile(dst); err != nil || string(b) != "second" || len(tree(t, filepath.Dir(dst))) != 1 {
		t.Errorf("%q, %v, %q", b, err, tree(t, filepath.Dir(dst)))
	}
}

// TestCopyOutIsFaithful: any mixture of data, written zeros and holes.
func TestCopyOutIsFaithful(t *testing.T) {
	dir := t.TempDir()
	plain, stores := openTest(t, dir), map[string]*Store{}
	for name, d := range ways() {
		stores[name] = openDisk(t, dir, d)
	}
	dst := filepath.Join(t.TempDir(), "out")
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(0, 9<<20).Draw(r, "size")
		want := make([]byte, size)
		type write struct{ off, n int }
		var writes []write
		for range rapid.IntRange(0, 5).Draw(r, "writes") {
			off := rapid.IntRange(0, size).Draw(r, "off")
			w := write{off, rapid.IntRange(0, min(size-off, 1<<20)).Draw(r, "n")}
			fill := rapid.Byte().Draw(r, "fill")
			for i := range w.n {
				want[w.off+i] = fill
			}
			writes = append(writes, w)
		}
		a := putArtifact(t, plain, func(f *os.File) error {
			for _, w := range writes {
				if _, err := f.WriteAt(want[w.off:w.off+w.n], int64(w.off)); err != nil {
					return err
				}
			}
			return f.Truncate(int64(size))
		})
		for name, s := range stores {
			must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
			got, err := os.ReadFile(dst)
			must(t, err)
			if !bytes.Equal(got, want) {
				r.Fatalf("%s: the copy differs", name)
			}
			if was, is := blocks(t, a.Path), blocks(t, dst); is > was+64<<10 {
				r.Fatalf("%s: the copy takes %d bytes where the image takes %d", name, is, was)
			}
		}
	})
}

// TestCopyByHandMakesHoles: where the filesystem shows no holes, the zeros
// that are read become some.
func TestCopyByHandMakesHoles(t *testing.T) {
	s := openDisk(t, t.TempDir(), ways()["by hand"])
	a := putArtifact(t, s, func(f *os.File) error {
		_, err := f.Write(append(make([]byte, 2<<20), 'x'))
		return err
	})
	dst := filepath.Join(t.TempDir(), "out")
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
	if was, is := blocks(t, a.Path), blocks(t, dst); was < 2<<20 || is > 256<<10 {
		t.Errorf("takes %d bytes where the image takes %d", is, was)
	}
}

func TestCopyOutMode(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := putImage(t, s, "x")
	mask := fs.FileMode(unix.Umask(0o027)) // no test here runs beside another
	defer unix.Umask(int(mask))
	for name, d := range ways() {
		s.disk = d
		for _, old := range []fs.FileMode{0, 0o400, 0o600, 0o666, 0o777 | fs.ModeSetuid} {
			dst, want := filepath.Join(t.TempDir(), "out"), fs.FileMode(0o640)
			if old != 0 {
				want = old.Perm()
				must(t, os.WriteFile(dst, nil, 0o600))
				must(t, os.Chmod(dst, old))
			}
			must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
			if info, err := os.Stat(dst); err != nil || info.Mode() != want {
				t.Errorf("%s: over %v: %v, %v, want %v", name, old, info.Mode(), err, want)
			}
		}
	}
}

func TestCopyOutTargets(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := putImage(t, s, "image")
	long := strings.Repeat("n", 255)
	for name, tc := range map[string]struct {
		make func(dir string) error
		dst  string
		file string // where the image must be, "" for nowhere
		want error
	}{
		"new":                  {nil, "f", "f", nil},
		"longest name":         {nil, long, long, nil},
		"a directory":          {func(d string) error { return os.Mkdir(d+"/f", 0o700) }, "f", "", ErrIsDirectory},
		"new with a slash":     {nil, "f/", "", ErrIsDirectory},
		"dot":                  {nil, ".", "", ErrIsDirectory},
		"no parent":            {nil, "no/f", "", fs.ErrNotExist},
		"parent is a file":     {func(d string) error { return os.WriteFile(d+"/p", nil, 0o600) }, "p/f", "", unix.ENOTDIR},
		"a fifo":               {func(d string) error { return unix.Mkfifo(d+"/f", 0o600) }, "f", "", ErrNotRegular},
		"a device":             {func(d string) error { return os.Symlink("/dev/null", d+"/f") }, "f", "", ErrNotRegular},
		"symlink to directory": {func(d string) error { return os.Symlink("/", d+"/f") }, "f", "", ErrIsDirectory},
		"symlink to a file": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/sub", 0o700), os.WriteFile(d+"/sub/old", nil, 0o600), os.Symlink("sub/old", d+"/f"))
		}, "f", "sub/old", nil},
		"dangling symlink": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/sub", 0o700), os.Symlink(d+"/sub/new", d+"/f"))
		}, "f", "sub/new", nil},
		"symlink by way of a symlinked parent": {func(d string) error {
			return errors.Join(os.MkdirAll(d+"/a/b", 0o700), os.Symlink("a/b", d+"/p"), os.Symlink("p/../new", d+"/f"))
		}, "f", "a/new", nil},
		"symlink loop": {func(d string) error { return os.Symlink("f", d+"/f") }, "f", "", unix.ELOOP},
		"empty":        {nil, "", "", fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			if tc.make != nil {
				must(t, tc.make(dir))
			}
			before := tree(t, dir)
			if err := CheckOutput(tc.dst); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("found before: %v, want %v", err, tc.want)
			}
			if got := tree(t, dir); !slices.Equal(before, got) {
				t.Errorf("looking made %q of %q", got, before)
			}
			err := s.CopyOut(t.Context(), a, tc.dst, CopyOptions{})
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			after := tree(t, dir)
			if tc.file == "" {
				if !slices.Equal(before, after) {
					t.Errorf("%q became %q", before, after)
				}
				return
			}
			info, err := os.Lstat(tc.file)
			if err != nil || !info.Mode().IsRegular() || info.Size() != a.Size {
				t.Errorf("%v, %v", info, err)
			}
			if slices.ContainsFunc(after, func(n string) bool { return strings.Contains(n, outTemp) }) {
				t.Errorf("left %q", after)
			}
		})
	}
}

func TestCheckOutputFindsUnwritableDirectories(t *testing.T) {
	dir := os.Getenv(userEnv)
	if dir == "" {
		dir = need.OpenDir(t)
		must(t, os.Mkdir(dir+"/closed", 0o755))
		must(t, os.WriteFile(dir+"/closed/old", nil, 0o666))
		must(t, os.Chmod(dir+"/closed", 0o555))
		t.Cleanup(func() { must(t, os.Chmod(dir+"/closed", 0o755)) })
	}
	asUser(t, dir, func(t *testing.T) {
		for _, name := range []string{"new", "old"} {
			if err := CheckOutput(dir + "/closed/" + name); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s: got %v, want %v", name, err, fs.ErrPermission)
			}
		}
	})
}

func TestCopyOutFailsWithoutTrace(t *testing.T) {
	var cancel context.CancelFunc
	cancelled := quickDisk()
	cancelled.clone = func(*outFile, *os.File) error { return unix.EOPNOTSUPP }
	cancelled.writeAt = func(_ *os.File, p []byte, _ int64) (int, error) { cancel(); return len(p), nil }
	full := quickDisk()
	full.clone = cancelled.clone
	full.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, unix.ENOSPC }
	cases := map[string]disk{"cancelled": cancelled, "full": full}
	for call, d := range faults(unix.EIO) {
		if call != "write" && call != "syncDir" {
			cases[call] = d
		}
	}
	wants := map[string]error{"cancelled": context.Canceled, "full": ErrNoSpace}
	for name, d := range cases {
		for _, tmpfile := range []bool{true, false} {
			t.Run(fmt.Sprint(name, tmpfile), func(t *testing.T) {
				if !tmpfile {
					d.tmpfile = func(string) (*os.File, error) { return nil, unix.EOPNOTSUPP }
				}
				store := t.TempDir()
				a := putImage(t, openTest(t, store), "the image")
				s := openDisk(t, store, d)
				dst := filepath.Join(t.TempDir(), "out")
				must(t, os.WriteFile(dst, []byte("older"), 0o600))
				var ctx context.Context
				ctx, cancel = context.WithCancel(t.Context())
				defer cancel()
				err := s.CopyOut(ctx, a, dst, CopyOptions{Fsync: true})
				want := wants[name]
				if want == nil {
					want = unix.EIO
				}
				if !errors.Is(err, want) {
					t.Errorf("got %v", err)
				}
				if b, err := os.ReadFile(dst); err != nil || string(b) != "older" {
					t.Errorf("%q, %v", b, err)
				}
				if got := tree(t, filepath.Dir(dst)); len(got) != 1 {
					t.Errorf("left %q", got)
				}
			})
		}
	}
}

func TestCopyOutOfWhatIsGone(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := putImage(t, s, "image")
	dst := filepath.Join(t.TempDir(), "out")
	overwrite(t, a.Path, []byte("imag"))
	if err := s.CopyOut(t.Context(), a, dst, CopyOptions{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if err := s.CopyOut(t.Context(), a, dst, CopyOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if got := tree(t, filepath.Dir(dst)); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}

// copyOutAndDie copies the artifact of the one image in the store and dies in
// the middle, with a hidden name already there.
func copyOutAndDie(dir string) error {
	d := realDisk()
	d.tmpfile = func(string) (*os.File, error) { return nil, unix.EOPNOTSUPP }
	d.clone = func(*outFile, *os.File) error { return readyUntilKilled() }
	s, err := open(context.Background(), dir, d)
	if err != nil {
		return err
	}
	key, _, err := ActionKey("image")
	if err != nil {
		return err
	}
	action, err := s.Action(key)
	if err != nil {
		return err
	}
	a, err := s.Artifact(action.Artifact)
	if err != nil {
		return err
	}
	return s.CopyOut(context.Background(), a, os.Getenv(argEnv), CopyOptions{})
}

func TestCopyOutRemovesWhatTheDeadLeft(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := putImage(t, s, "image")
	key, preimage, err := ActionKey("image")
	must(t, err)
	must(t, s.PutAction(t.Context(), Action{Key: key, Preimage: preimage, Artifact: a.Digest}))
	dir := t.TempDir()
	dst := filepath.Join(dir, "out")
	others := []string{".out.banger-", ".out.banger-short", ".out2.banger-" + strings.Repeat("A", 26)}
	for _, name := range others {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}

	kill := startHelper(t, "copy out", s.dir, dst)
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
	if got := tree(t, dir); len(got) != len(others)+2 {
		t.Errorf("beside a living copy: %q", got)
	}
	kill()
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
	if got, want := tree(t, dir), append(others, "out"); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("after a dead copy: %q", got)
	}
}

// TestCopyOutReplaces replaces an older file where names can be exchanged and
// where they cannot.
func TestCopyOutReplaces(t *testing.T) {
	renamed := quickDisk()
	renamed.exchange = func(_, _ string) error { return unix.EINVAL }
	for name, d := range map[string]disk{"exchange": quickDisk(), "rename": renamed} {
		t.Run(name, func(t *testing.T) {
			s := openDisk(t, t.TempDir(), d)
			a := putImage(t, s, "the image")
			dst := filepath.Join(t.TempDir(), "out")
			must(t, os.WriteFile(dst, []byte("older"), 0o600))
			must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
			if b, err := os.ReadFile(dst); err != nil || string(b) != "the image" {
				t.Errorf("%q, %v", b, err)
			}
			if got := tree(t, filepath.Dir(dst)); len(got) != 1 {
				t.Errorf("left %q", got)
			}
		})
	}
}
