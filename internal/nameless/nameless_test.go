package nameless_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"banger/internal/nameless"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	f, err := nameless.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
	if _, err := f.WriteString("text"); err != nil {
		t.Error(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(f); string(b) != "text" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestOpenChangesNothing looks at the directory's times.
func TestOpenChangesNothing(t *testing.T) {
	dir := t.TempDir()
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := nameless.Open(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Log(err)
	} else if err != nil {
		t.Fatal(err)
	} else if err := f.Close(); err != nil {
		t.Error(err)
	}
	after, err := os.Stat(dir)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("%v became %v, %v", before.ModTime(), after.ModTime(), err)
	}
}

func TestNoDirectory(t *testing.T) {
	for _, create := range []func(string) (*os.File, error){nameless.Create, nameless.Open} {
		if _, err := create(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}
