package cas

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadsNeighboursAtOnce reads pieces that follow each other in a file and
// some that do not, and says of what it cannot read where that is.
func TestReadsNeighboursAtOnce(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "pack"))
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("0123456789")
	must(t, err)
	batch := []piece{{at: 100, n: 2, from: f}, {at: 104, n: 3, from: f, off: 2}, {at: 108, n: 1, from: f, off: 9}, {at: 109, n: 2, from: f, off: 4}}
	if n := neighbours(batch); n != 2 {
		t.Errorf("%d neighbours", n)
	}
	buf := []byte("xxxxxxxxxxxxxx")
	got, err := gather(batch, buf)
	if want := "01\x00\x00234\x00945"; err != nil || got.at != 100 || string(got.buf) != want {
		t.Errorf("%q at %d, %v, want %q", got.buf, got.at, err, want)
	}
	batch[1].n = 9
	if _, err := gather(batch[:2], buf); err == nil || errors.Is(err, unix.EINVAL) {
		t.Errorf("beyond the end: %v", err)
	}
}
