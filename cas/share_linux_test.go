package cas

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/internal/need"
)

// TestCopyOutShares copies out on a filesystem that can share blocks: the
// copy has the image's bytes and takes no room of its own.
func TestCopyOutShares(t *testing.T) {
	dir := need.XFS(t)
	s := openTest(t, filepath.Join(dir, "store"))
	noise := make([]byte, 16<<20)
	_, _ = rand.Read(noise) // it never fails
	a := putImage(t, s, string(noise))
	before := need.FreeBytes(t, dir)
	dst := filepath.Join(dir, "out")
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{Fsync: true}))
	if took := before - need.FreeBytes(t, dir); took > 1<<20 {
		t.Errorf("the copy took %d bytes", took)
	}
	if is, err := os.ReadFile(dst); err != nil || !bytes.Equal(is, noise) {
		t.Errorf("the copy differs, %v", err)
	}
	must(t, os.WriteFile(dst, []byte("the user's own"), 0o600))
	if is, err := os.ReadFile(a.Path); err != nil || !bytes.Equal(is, noise) {
		t.Errorf("the image changed with its copy, %v", err)
	}
}

// TestCopyOutSharesBodies copies out an image whose bodies lie in a pack: what
// is at the boundaries of blocks takes no room of its own, and all of it is
// right. Neither file changes with the other.
func TestCopyOutSharesBodies(t *testing.T) {
	dir := need.XFS(t)
	s := openTest(t, filepath.Join(dir, "store"))
	pack := make([]byte, 40<<20)
	_, _ = rand.Read(pack) // it never fails
	layer := digest.FromString("tar")
	must(t, putTestLayer(t, s, layer, string(pack)))
	b := Bodies{Layers: []digest.Digest{layer}, List: []Body{
		{Offset: 4096, PackOffset: 8192, Length: 20<<20 + 1234}, // its end is copied
		{Offset: 24 << 20, PackOffset: 777, Length: 300},
		{Offset: 24<<20 + 300, PackOffset: 30 << 20, Length: 100},
		{Offset: 32 << 20, PackOffset: 20 << 20, Length: 10 << 20},
	}}
	want := make([]byte, 50<<20)
	own := func(at int64, text string) { copy(want[at:], text) }
	own(0, "the image's own")
	own(24<<20-100, string(bytes.Repeat([]byte("x"), 1000))) // partly below bodies, in a block of theirs
	own(33<<20, "below a body")
	_, _ = rand.Read(want[44<<20:][:4<<20])
	skeleton := bytes.Clone(want)
	write := func(f *os.File) error {
		for at, n := range map[int64]int64{0: 8192, 24<<20 - 4096: 8192, 33 << 20: 8192, 44 << 20: 4 << 20} {
			if _, err := f.WriteAt(skeleton[at:at+n], at); err != nil {
				return err
			}
		}
		return errors.Join(f.Sync(), f.Truncate(int64(len(want))))
	}
	a, err := commitSkeleton(t, s, write, b)
	must(t, err)
	for _, x := range b.List {
		copy(want[x.Offset:][:x.Length], pack[x.PackOffset:])
	}
	dst := filepath.Join(dir, "out")
	for name, copyTo := range map[string]func() error{
		"afterwards": func() error { return s.CopyOut(t.Context(), a, dst, CopyOptions{Fsync: true}) },
		"begun before": func() error {
			must(t, os.RemoveAll(s.path(kindArtifact.dir(), a.Digest.Encoded())))
			out := s.NewOutput(dst, CopyOptions{Fsync: true})
			out.Begin(t.Context(), int64(len(want)), b)
			_, err := commitTo(t, s, write, b, out)
			return errors.Join(err, out.Commit(t.Context()))
		},
	} {
		before := need.FreeBytes(t, dir)
		must(t, copyTo())
		if took := before - need.FreeBytes(t, dir); took > 1<<20 {
			t.Errorf("%s: the copy took %d bytes", name, took)
		}
		if is, err := os.ReadFile(dst); err != nil || !bytes.Equal(is, want) {
			t.Errorf("%s: the copy differs at %d, %v", name, firstDifference(is, want), err)
		}
		must(t, os.WriteFile(dst, []byte("the user's own"), 0o600))
		if got := copied(t, s, a); !bytes.Equal(got, want) {
			t.Errorf("%s: the image changed with its copy", name)
		}
	}
}
