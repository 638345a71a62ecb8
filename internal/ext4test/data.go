package ext4test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"banger/sdk/tree"
)

// SameData holds a file in a mounted image against its entry in a tree with
// one pack, without reading its holes: the kernel's map of data and holes is
// that of the extents in whole blocks, and the data is the pack's.
func SameData(t testing.TB, path string, e *tree.Entry, pack *os.File) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != e.Size {
		t.Errorf("%s: %v, not %d bytes", path, err, e.Size)
	}
	if want, got := blocksOf(e), dataOf(t, f, e.Size); !slices.Equal(want, got) {
		t.Errorf("%s: data at %v, not at %v", path, got, want)
	}
	for _, x := range e.Extents {
		want, got := make([]byte, x.Length), make([]byte, x.Length)
		_, err := pack.ReadAt(want, x.PackOffset)
		if err == nil {
			_, err = f.ReadAt(got, x.Offset)
		}
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: other data at %d, %v", path, x.Offset, err)
		}
	}
}

// interval is bytes of a file from first on, before end.
type interval struct{ first, end int64 }

// blocksOf are the blocks of 4 KiB that hold data.
func blocksOf(e *tree.Entry) (list []interval) {
	for _, x := range e.Extents {
		i := interval{x.Offset &^ 4095, min((x.Offset+x.Length+4095)&^4095, e.Size)}
		if n := len(list); n > 0 && list[n-1].end >= i.first {
			list[n-1].end = i.end
		} else {
			list = append(list, i)
		}
	}
	return list
}

// dataOf asks the kernel where a file has data.
func dataOf(t testing.TB, f *os.File, size int64) (list []interval) {
	t.Helper()
	for at := int64(0); at < size; {
		first, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return list
		}
		end, endErr := f.Seek(first, unix.SEEK_HOLE)
		if err := errors.Join(err, endErr); err != nil || end <= at {
			t.Fatalf("look for data after %d: at %d, to %d, %v", at, first, end, err)
		}
		list, at = append(list, interval{first, end}), end
	}
	return list
}
