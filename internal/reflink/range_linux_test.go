package reflink_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"banger/internal/need"
	"banger/internal/reflink"
)

// TestRange shares the middle of a file where that can be.
func TestRange(t *testing.T) {
	dir := need.XFS(t)
	noise := make([]byte, 8<<20)
	_, _ = rand.Read(noise) // it never fails
	src, dst := create(t, dir, "src", noise), create(t, dir, "dst", []byte("before"))
	before := need.FreeBytes(t, dir)
	const from, to, n = 1 << 20, 2 << 20, 4 << 20
	if err := reflink.Range(int(dst.Fd()), to, int(src.Fd()), from, n); err != nil {
		t.Fatal(err)
	}
	if err := dst.Sync(); err != nil {
		t.Fatal(err)
	}
	if took := before - need.FreeBytes(t, dir); took > 1<<20 {
		t.Errorf("%d shared bytes took %d", n, took)
	}
	want := make([]byte, to+n)
	copy(want, "before")
	copy(want[to:], noise[from:from+n])
	if got, err := os.ReadFile(dst.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("wrong bytes, error %v", err)
	}
	if reflink.Range(int(dst.Fd()), 1, int(src.Fd()), 0, reflink.Block) == nil {
		t.Error("shared at no boundary of blocks")
	}
}

// TestRangeOfNothing leaves the file as it was, wherever that is.
func TestRangeOfNothing(t *testing.T) {
	dir := t.TempDir()
	src, dst := create(t, dir, "src", make([]byte, 3*reflink.Block)), create(t, dir, "dst", nil)
	if err := reflink.Range(int(dst.Fd()), 0, int(src.Fd()), 0, 0); err != nil {
		t.Error(err)
	}
	if info, err := dst.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("the file has %d bytes, error %v", info.Size(), err)
	}
}

func create(t *testing.T, dir, name string, content []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}
