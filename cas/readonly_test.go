package cas

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"banger/internal/hint"
	"banger/internal/need"
)

// fillStore makes a store with one object of each kind.
func fillStore(t *testing.T, dir string) {
	t.Helper()
	s := openTest(t, dir)
	a := putImage(t, s, "image")
	must(t, putLayer(t, s, digest.FromString("tar"), "i", "p"))
	d := putText(t, s, "blob")
	must(t, s.Tag(t.Context(), descriptor("one"), "name"))
	key, preimage, err := ActionKey("q")
	must(t, err)
	must(t, s.PutAction(t.Context(), Action{Key: key, Preimage: preimage, Artifact: a.Digest, Blobs: []digest.Digest{d}}))
	must(t, s.Close())
}

// checkUnwritable holds a store of fillStore, which cannot be written, to its
// promises: hits work, and every write returns want.
func checkUnwritable(t *testing.T, dir string, want error) {
	t.Helper()
	s := openTest(t, dir)
	if err := s.Writable(); !errors.Is(err, want) {
		t.Fatalf("writable: %v", err)
	}
	check := unchanged(t, s)
	key, preimage, err := ActionKey("q")
	must(t, err)
	action, err := s.Action(key)
	must(t, err)
	artifact, err := s.Artifact(action.Artifact)
	must(t, err)
	_, err = s.ReadBlob(action.Blobs[0], 10)
	must(t, err)
	_, err = s.Layer(digest.FromString("tar"))
	must(t, err)
	must(t, s.Tag(t.Context(), descriptor("one"), "name"))
	out := filepath.Join(t.TempDir(), "out")
	must(t, s.CopyOut(t.Context(), artifact, out, CopyOptions{}))
	if b, err := os.ReadFile(out); err != nil || string(b) != "image" {
		t.Errorf("%q, %v", b, err)
	}

	_, blobErr := s.NewBlob()
	_, putErr := s.PutBlob(t.Context(), []byte("new"))
	_, layerErr := s.NewLayer()
	_, artifactErr := s.NewArtifact()
	_, lockErr := s.Lock(t.Context(), "layer", key)
	_, _, dirErr := s.TempDir("x")
	for name, err := range map[string]error{
		"NewBlob": blobErr, "PutBlob": putErr, "NewLayer": layerErr, "NewArtifact": artifactErr, "Lock": lockErr, "TempDir": dirErr,
		"Tag": s.Tag(t.Context(), descriptor("two"), "name"), "Quarantine": s.QuarantineBlob(action.Blobs[0], errors.New("x")),
		"PutAction": s.PutAction(t.Context(), Action{Key: key, Preimage: preimage}),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check()
}

func TestReadOnlyMount(t *testing.T) {
	dir := t.TempDir()
	fillStore(t, dir)
	need.ReadOnly(t, dir)
	checkUnwritable(t, dir, ErrReadOnly)
	if _, err := Open(t.Context(), filepath.Join(dir, "new")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("new store: %v", err)
	}
}

func TestReadOnlyByMode(t *testing.T) {
	dir := need.OpenDir(t)
	asUser(t, dir, func(t *testing.T) {
		store := filepath.Join(dir, "store")
		fillStore(t, store)
		chmod := func(mode fs.FileMode) {
			must(t, filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
				if err == nil && e.IsDir() {
					err = os.Chmod(path, mode)
				}
				return err
			}))
		}
		chmod(0o555)
		defer chmod(0o755)
		checkUnwritable(t, store, ErrReadOnly)
	})
}

// TestOthersStore is a store of root's that an ordinary user reads.
func TestOthersStore(t *testing.T) {
	dir := os.Getenv(userEnv)
	if dir == "" {
		need.Root(t)
		dir = need.OpenDir(t)
		fillStore(t, filepath.Join(dir, "store"))
	}
	asUser(t, dir, func(t *testing.T) { checkUnwritable(t, filepath.Join(dir, "store"), ErrReadOnly) })
}

func TestUmask077(t *testing.T) {
	mask := unix.Umask(0o077)
	defer unix.Umask(mask)
	dir := filepath.Join(t.TempDir(), "store")
	fillStore(t, dir)
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
	_, err := openTest(t, dir).ReadBlob(digest.FromString("blob"), 10)
	must(t, err)
}

// TestFullDisk fills a small filesystem to the last byte, and frees it again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	need.Tmpfs(t, dir, "size=4m,nr_inodes=200")
	store := filepath.Join(dir, "store")
	fillStore(t, store)
	s := openTest(t, store)

	check := unchanged(t, s)
	large := make([]byte, 8<<20)
	if _, err := s.PutBlob(t.Context(), large); !errors.Is(err, ErrNoSpace) || hint.Of(err) != "free space on the store's filesystem, or use another store" {
		t.Errorf("blob: %v, hint %q", err, hint.Of(err))
	}
	w, err := s.NewLayer()
	must(t, err)
	if _, err = w.Pack().Write(large); !errors.Is(Classify(err), ErrNoSpace) {
		t.Errorf("pack: %v", err)
	}
	w.Abort()
	check()
	putText(t, s, "room again")

	must(t, s.Close())
	fillUp(t, dir)
	checkUnwritable(t, store, ErrNoSpace)
}

// fillUp takes every inode and every byte of the filesystem at dir.
func fillUp(t *testing.T, dir string) {
	t.Helper()
	var err error
	for i := 0; err == nil; i++ {
		err = os.WriteFile(filepath.Join(dir, "filler"+string(rune('a'+i%26))+string(rune('a'+i/26))), make([]byte, 64<<10), 0o600)
	}
	for i := range 500 {
		if os.Symlink("x", filepath.Join(dir, "inode"+string(rune('a'+i%26))+string(rune('a'+i/26)))) != nil {
			return
		}
	}
	t.Fatal("cannot fill the filesystem")
}

func TestCopyOutToFullDisk(t *testing.T) {
	dir := t.TempDir()
	need.Tmpfs(t, dir, "size=1m")
	s := openTest(t, t.TempDir())
	a := putArtifact(t, s, func(f *os.File) error {
		_, err := f.Write(bytes.Repeat([]byte("x"), 2<<20))
		return err
	})
	dst := filepath.Join(dir, "out")
	must(t, os.WriteFile(dst, []byte("older"), 0o600))
	if err := s.CopyOut(t.Context(), a, dst, CopyOptions{}); !errors.Is(err, ErrNoSpace) || hint.Of(err) != "free space there, or choose a place on another filesystem" {
		t.Errorf("got %v, hint %q", err, hint.Of(err))
	}
	if got := tree(t, dir); len(got) != 1 {
		t.Errorf("left %q", got)
	}
	if b, err := os.ReadFile(dst); err != nil || string(b) != "older" {
		t.Errorf("%q, %v", b, err)
	}
}
