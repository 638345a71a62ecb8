package cas

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"banger/internal/need"
)

// putSkeleton commits an artifact that lacks bodies.
func putSkeleton(t testing.TB, s *Store, image string, b Bodies) Artifact {
	t.Helper()
	a, err := commitSkeleton(t, s, func(f *os.File) error { _, err := f.WriteString(image); return err }, b)
	must(t, err)
	return a
}

func commitSkeleton(t testing.TB, s *Store, write func(f *os.File) error, b Bodies) (Artifact, error) {
	t.Helper()
	return commitTo(t, s, write, b, nil)
}

// commitTo is commitSkeleton that gives the image out as well.
func commitTo(t testing.TB, s *Store, write func(f *os.File) error, b Bodies, out *Output) (Artifact, error) {
	t.Helper()
	w, err := s.NewArtifact()
	must(t, err)
	defer w.Abort()
	f, err := os.Create(w.Path())
	must(t, err)
	must(t, errors.Join(write(f), f.Close()))
	return w.CommitWithout(t.Context(), "application/x-test", b, out)
}

// copied returns what CopyOut makes of an artifact.
func copied(t testing.TB, s *Store, a Artifact) []byte {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "copy")
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
	b, err := os.ReadFile(dst)
	must(t, err)
	return b
}

// drawnImage is an image of pieces, and what it is whole.
type drawnImage struct {
	packs    [][]byte
	bodies   Bodies
	skeleton []piece // from is nil; the bytes are those of whole
	whole    []byte
}

// drawImage draws bodies and data of the image itself, side by side, apart,
// and one over the other.
func drawImage(r *rapid.T) drawnImage {
	var d drawnImage
	for i := range rapid.IntRange(1, 3).Draw(r, "layers") {
		pack := make([]byte, 300<<10)
		for k := range pack {
			pack[k] = byte(k>>8) + byte(k*7) + byte(i)
		}
		d.packs = append(d.packs, pack)
		d.bodies.Layers = append(d.bodies.Layers, digest.FromString(fmt.Sprint("layer", i)))
	}
	length := rapid.OneOf(rapid.Int64Range(1, 100), rapid.Int64Range(1, 9000), rapid.SampledFrom([]int64{4096, 64 << 10, 256 << 10}))
	gap := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 5000), rapid.SampledFrom([]int64{4095, 4096, 4097, 2 << 20}))
	at := int64(0)
	for range rapid.IntRange(1, 20).Draw(r, "pieces") {
		at += gap.Draw(r, "gap")
		n := length.Draw(r, "length")
		if rapid.Bool().Draw(r, "aligned") {
			at = (at + 4095) &^ 4095
		}
		end := at + n
		if rapid.IntRange(0, 2).Draw(r, "own") == 0 {
			d.skeleton = append(d.skeleton, piece{at: at, n: n})
		} else {
			b := Body{Offset: at, Layer: rapid.IntRange(0, len(d.packs)-1).Draw(r, "layer"), Length: n}
			b.PackOffset = rapid.SampledFrom([]int64{0, 4096, 1, 777, 8192}).Draw(r, "from")
			d.bodies.List = append(d.bodies.List, b)
			if rapid.IntRange(0, 3).Draw(r, "covers") == 0 { // what does not count
				d.skeleton = append(d.skeleton, piece{at: max(0, at-10), n: n + 20})
			}
		}
		at = end
	}
	d.whole = make([]byte, at+gap.Draw(r, "end"))
	return d
}

// write writes the skeleton, and makes whole what the image must be.
func (d *drawnImage) write(f *os.File) error {
	for i, p := range d.skeleton {
		p.n = min(p.n, int64(len(d.whole))-p.at)
		text := bytes.Repeat([]byte{byte(i + 1)}, int(p.n))
		copy(d.whole[p.at:], text)
		if _, err := f.WriteAt(text, p.at); err != nil {
			return err
		}
	}
	for _, b := range d.bodies.List {
		copy(d.whole[b.Offset:][:b.Length], d.packs[b.Layer][b.PackOffset:])
	}
	return f.Truncate(int64(len(d.whole)))
}

// TestBodies copies out what lies partly in packs, and makes it whole.
func TestBodies(t *testing.T) {
	s := openTest(t, need.MemoryDir(t))
	rapid.Check(t, func(r *rapid.T) { checkDrawnImage(t, r, s) })
	if v, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || len(v.Problems) > 0 {
		t.Errorf("verify finds %q, %v", describe(v), err)
	}
}

func checkDrawnImage(t *testing.T, r *rapid.T, s *Store) {
	d := drawImage(r)
	for i, pack := range d.packs {
		must(t, putTestLayer(t, s, d.bodies.Layers[i], string(pack)))
	}
	a, err := commitSkeleton(t, s, d.write, d.bodies)
	if err != nil {
		r.Fatal(err)
	}
	if (a.Path == "") != (len(d.bodies.List) > 0) || a.Size != int64(len(d.whole)) {
		r.Fatalf("%+v with %d bodies", a, len(d.bodies.List))
	}
	if got := copied(t, s, a); !bytes.Equal(got, d.whole) {
		r.Fatalf("the copy differs at %d", firstDifference(got, d.whole))
	}
	checkEquals(t, r, s, a, d.whole)
	again, err := commitSkeleton(t, s, d.write, d.bodies)
	if err != nil || again != a {
		r.Fatalf("again: %+v, %v, want %+v", again, err, a)
	}
	whole, err := s.Whole(t.Context(), a)
	if err != nil {
		r.Fatal(err)
	}
	if got, err := os.ReadFile(whole.Path); err != nil || !bytes.Equal(got, d.whole) {
		r.Fatalf("made whole, the image differs at %d, %v", firstDifference(got, d.whole), err)
	}
	if got, err := s.Whole(t.Context(), whole); err != nil || got != whole {
		r.Fatalf("whole again: %+v, %v", got, err)
	}
}

// checkEquals has an image tell itself from one with another byte.
func checkEquals(t *testing.T, r *rapid.T, s *Store, a Artifact, whole []byte) {
	src, err := s.openSource(a)
	must(t, err)
	defer src.close()
	file := filepath.Join(t.TempDir(), "file")
	for _, same := range []bool{true, false} {
		b := bytes.Clone(whole)
		if !same {
			b[rapid.IntRange(0, len(b)-1).Draw(r, "changed")]++
		}
		must(t, os.WriteFile(file, b, 0o600))
		f, err := os.Open(file)
		must(t, err)
		got, err := src.equals(t.Context(), f)
		must(t, errors.Join(err, f.Close()))
		if got != same {
			r.Fatalf("the image is that in the file: %v, want %v", got, same)
		}
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestBodiesKeepHoles: what neither the image nor a pack has takes no room.
func TestBodiesKeepHoles(t *testing.T) {
	s := openTest(t, t.TempDir())
	layer := digest.FromString("tar")
	must(t, putTestLayer(t, s, layer, string(bytes.Repeat([]byte("pack"), 1000))))
	a, err := commitSkeleton(t, s, func(f *os.File) error {
		_, err := f.WriteAt([]byte("data"), 20<<20)
		return errors.Join(err, f.Truncate(1<<30))
	}, Bodies{Layers: []digest.Digest{layer}, List: []Body{{Offset: 10 << 20, Length: 4000}, {Offset: 500 << 20, Length: 7}}})
	must(t, err)
	whole, err := s.Whole(t.Context(), a)
	must(t, err)
	dst := filepath.Join(t.TempDir(), "copy")
	must(t, s.CopyOut(t.Context(), a, dst, CopyOptions{}))
	for _, path := range []string{dst, whole.Path} {
		if n := blocks(t, path); n > 200<<10 {
			t.Errorf("%s takes %d bytes", path, n)
		}
	}
}
