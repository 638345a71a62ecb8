package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// commitBeside commits an image in a store on d while out is filled with it.
func commitBeside(t *testing.T, s *Store, out *Output) error {
	t.Helper()
	w, err := s.NewArtifact()
	must(t, err)
	defer w.Abort()
	must(t, os.WriteFile(w.Path(), []byte("the image"), 0o600))
	_, err = w.CommitWithout(t.Context(), "application/x-test", Bodies{}, out)
	return err
}

// TestOutputBesideCommit: what goes wrong with the user's file does not keep
// the artifact from being stored, and the other way around nothing is left of
// the file.
func TestOutputBesideCommit(t *testing.T) {
	full := quickDisk()
	full.clone = func(*outFile, *os.File) error { return unix.EOPNOTSUPP }
	full.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, unix.ENOSPC }
	s := openDisk(t, t.TempDir(), full)
	dst := filepath.Join(t.TempDir(), "out")
	must(t, os.WriteFile(dst, []byte("older"), 0o600))
	out := s.NewOutput(dst, CopyOptions{})
	must(t, commitBeside(t, s, out))
	if err := out.Commit(t.Context()); !errors.Is(err, ErrNoSpace) || hint.Of(err) == "" {
		t.Errorf("onto a full disk: %v, hint %q", err, hint.Of(err))
	}

	s = openTest(t, t.TempDir())
	s.disk.sync = func(*os.File) error { return unix.EIO }
	out = s.NewOutput(dst, CopyOptions{})
	if err := commitBeside(t, s, out); !errors.Is(err, unix.EIO) {
		t.Errorf("into a broken store: %v", err)
	}
	out.Abort()
	if b, err := os.ReadFile(dst); err != nil || string(b) != "older" {
		t.Errorf("%q, %v", b, err)
	}
	if got := tree(t, filepath.Dir(dst)); len(got) != 1 {
		t.Errorf("left %q", got)
	}
}
