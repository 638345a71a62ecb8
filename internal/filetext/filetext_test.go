package filetext_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/filetext"
)

func TestRead(t *testing.T) {
	want := strings.Repeat("0123456789", 10_000)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := filetext.Read(f); err != nil || got != want {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := os.Truncate(path, filetext.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := filetext.Read(f); !errors.Is(err, filetext.ErrTooLarge) {
		t.Errorf("a huge file: %v", err)
	}
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := filetext.Read(dir); err == nil {
		t.Error("a directory is read")
	}
}

func TestSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Repeat(rapid.String().Draw(t, "text"), rapid.IntRange(0, 10_000).Draw(t, "times"))
		if got, want := filetext.Sum(s), sha256.Sum256([]byte(s)); got != want {
			t.Errorf("%x, want %x", got, want)
		}
	})
}
