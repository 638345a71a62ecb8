package cas

import (
	"os"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// TestRoomIsGivenBack: what was reserved and not needed is free again once a
// file is whole, or left for the next process.
func TestRoomIsGivenBack(t *testing.T) {
	d := realDisk()
	var reserved int64
	d.reserve = func(f *os.File, off, n int64) {
		must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n))
		reserved = max(reserved, blocks(t, f.Name()))
	}
	s := openDisk(t, t.TempDir(), d)
	content := make([]byte, 3<<20+1)
	for i := range content {
		content[i] = byte(i % 251)
	}
	id := digest.FromBytes(content)
	check := func(what, path string) {
		t.Helper()
		if now := blocks(t, path); reserved < reserveStep || now > int64(len(content))+64<<10 {
			t.Errorf("%s: %d bytes were reserved, and %d of disk are taken for %d", what, reserved, now, len(content))
		}
		if b, err := os.ReadFile(path); err != nil || digest.FromBytes(b) != id {
			t.Errorf("%s: the content is another, %v", what, err)
		}
		reserved = 0
	}
	write := func(w interface{ Write(p []byte) (int, error) }) {
		t.Helper()
		for rest := content; len(rest) > 0; {
			n := min(len(rest), 300<<10)
			_, err := w.Write(rest[:n])
			must(t, err)
			rest = rest[n:]
		}
	}

	partial, err := s.ResumeBlob(id)
	must(t, err)
	write(partial)
	path := partial.file.f.Name()
	partial.Suspend()
	check("left for the next process", path)

	blob, err := s.NewBlob()
	must(t, err)
	write(blob)
	must(t, blob.Commit(t.Context(), id, int64(len(content))))
	check("blob", blobPath(t, s, id))

	layer, err := s.NewLayer()
	must(t, err)
	write(layer.Pack())
	must(t, layer.Commit(t.Context(), id))
	l, err := s.Layer(id)
	must(t, err)
	check("pack", l.Pack)
}
