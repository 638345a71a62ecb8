package cas

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"banger/internal/need"
)

// TestBegun fills files with what lies in packs before the images are there that
// it belongs to, and they become what a copy afterwards is.
func TestBegun(t *testing.T) {
	s := openTest(t, need.MemoryDir(t))
	rapid.Check(t, func(r *rapid.T) {
		d := drawImage(r)
		for i, pack := range d.packs {
			must(t, putTestLayer(t, s, d.bodies.Layers[i], string(pack)))
		}
		out := s.NewOutput(filepath.Join(t.TempDir(), "out"), CopyOptions{})
		defer out.Abort()
		out.Begin(t.Context(), int64(len(d.whole)), d.bodies)
		if (out.begun != nil) != (len(d.bodies.List) > 0) {
			r.Fatalf("begun with %d bodies: %v", len(d.bodies.List), out.begun)
		}
		a, err := commitTo(t, s, d.write, d.bodies, out)
		if err != nil {
			r.Fatal(err)
		}
		if err := out.Commit(t.Context()); err != nil {
			r.Fatal(err)
		}
		if got, err := os.ReadFile(out.dst); err != nil || !bytes.Equal(got, d.whole) {
			r.Fatalf("the file differs at %d of %d, %v", firstDifference(got, d.whole), len(d.whole), err)
		}
		if got := copied(t, s, a); !bytes.Equal(got, d.whole) {
			r.Fatalf("the copy differs at %d", firstDifference(got, d.whole))
		}
	})
}

// begunWith is a store with a layer of that pack, and a file that is begun with
// all of it as the beginning of an image of size bytes.
func begunWith(t *testing.T, d disk, pack string, size int64) (s *Store, b Bodies, out *Output) {
	t.Helper()
	s = openDisk(t, t.TempDir(), d)
	layer := digest.FromString("tar")
	must(t, putTestLayer(t, s, layer, pack))
	b = Bodies{Layers: []digest.Digest{layer}, List: []Body{{Length: int64(len(pack))}}}
	out = s.NewOutput(filepath.Join(t.TempDir(), "out"), CopyOptions{})
	t.Cleanup(out.Abort)
	out.Begin(t.Context(), size, b)
	return s, b, out
}

const restOfImage = "........ and the rest"

func writeRest(f *os.File) error { _, err := f.WriteString(restOfImage); return err }

// TestBegunInVain: a file that was begun with something else than what belongs
// into the image, in the end, is made anew.
func TestBegunInVain(t *testing.T) {
	size := int64(len(restOfImage))
	for name, c := range map[string]struct {
		size   int64 // as it was announced
		change func(t *testing.T, s *Store, b *Bodies)
		want   string
	}{
		"larger":  {size + 10<<20, nil, "the pack"},
		"smaller": {size - 1, nil, "the pack"},
		"other bodies": {size, func(_ *testing.T, _ *Store, b *Bodies) {
			b.List = []Body{{Offset: 2, Length: 3}}
		}, "..the..."},
		"no bodies": {size, func(_ *testing.T, _ *Store, b *Bodies) { *b = Bodies{} }, "........"},
		"a pack that was written to": {size, func(t *testing.T, s *Store, b *Bodies) {
			l, err := s.Layer(b.Layers[0])
			must(t, err)
			must(t, errors.Join(os.Chmod(l.Pack, 0o600), os.WriteFile(l.Pack, []byte("THE PACK"), 0o600)))
		}, "THE PACK"},
		"another pack": {size, func(t *testing.T, s *Store, b *Bodies) {
			must(t, s.QuarantineLayer(b.Layers[0], errors.New("a test")))
			must(t, putTestLayer(t, s, b.Layers[0], "THE PACK"))
		}, "THE PACK"},
	} {
		t.Run(name, func(t *testing.T) {
			s, b, out := begunWith(t, quickDisk(), "the pack", c.size)
			must(t, out.begun.end(t.Context()))
			if c.change != nil {
				c.change(t, s, &b)
			}
			_, err := commitTo(t, s, writeRest, b, out)
			must(t, errors.Join(err, out.Commit(t.Context())))
			if got, err := os.ReadFile(out.dst); err != nil || string(got) != c.want+restOfImage[8:] {
				t.Errorf("the file holds %q, %v", got, err)
			}
		})
	}
}

// TestBegunOfNothing: what is wrong with bodies is told when the image is
// committed, and not begun with.
func TestBegunOfNothing(t *testing.T) {
	s, b, _ := begunWith(t, quickDisk(), "the pack", 100)
	absent := Bodies{Layers: []digest.Digest{digest.FromString("absent")}, List: b.List}
	beyond := Bodies{Layers: b.Layers, List: []Body{{PackOffset: 1, Length: 8}}}
	for name, b := range map[string]Bodies{"absent": absent, "beyond": beyond} {
		out := s.NewOutput(filepath.Join(t.TempDir(), "out"), CopyOptions{})
		out.Begin(t.Context(), 100, b)
		if out.begun != nil {
			t.Errorf("%s: it is begun", name)
		}
		_, err := commitTo(t, s, writeRest, b, out)
		if err == nil || errors.Is(err, ErrNotFound) != (name == "absent") {
			t.Errorf("%s: %v", name, err)
		}
		out.Abort()
	}
}

// TestBegunAndGivenUp ends a file that is being filled, in each way. The copy is
// over then, and nothing is left.
func TestBegunAndGivenUp(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, out *Output) error{
		"Abort":                   func(_ context.Context, out *Output) error { out.Abort(); return nil },
		"Commit without an image": func(ctx context.Context, out *Output) error { return out.Commit(context.WithoutCancel(ctx)) },
		"the end of the context":  func(ctx context.Context, out *Output) error { return errors.Join(out.begun.end(ctx), out.Commit(ctx)) },
	} {
		t.Run(name, func(t *testing.T) {
			first, over := make(chan struct{}), make(chan struct{})
			d := quickDisk()
			d.cloneRange = func(*os.File, int64, *os.File, int64, int64) error { return unix.EOPNOTSUPP }
			writeAt := d.writeAt
			d.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
				select {
				case first <- struct{}{}:
				case <-over:
				}
				return writeAt(f, p, off)
			}
			s := openDisk(t, t.TempDir(), d)
			pack := strings.Repeat("0123456789abcdef", 8*copyStep/16)
			layer := digest.FromString("tar")
			must(t, putTestLayer(t, s, layer, pack))
			out := s.NewOutput(filepath.Join(t.TempDir(), "out"), CopyOptions{})
			ctx, cancel := context.WithCancel(t.Context())
			out.Begin(ctx, 64<<20, Bodies{Layers: []digest.Digest{layer}, List: []Body{{Length: int64(len(pack))}}})
			g := out.begun
			<-first
			cancel()
			close(over)
			err := end(ctx, out)
			if want := map[string]error{"Commit without an image": errUnfinished, "the end of the context": context.Canceled}[name]; !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			select {
			case <-g.done:
			default:
				t.Error("the copy goes on")
			}
			if left := tree(t, filepath.Dir(out.dst)); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

// TestBegunOnFullDisk: what goes wrong with the file keeps no artifact from being
// stored, whenever it does.
func TestBegunOnFullDisk(t *testing.T) {
	for name, full := range map[string]func(p []byte) bool{
		"bodies": func(p []byte) bool { return bytes.HasPrefix(p, []byte("the pack")) },
		"rest":   func(p []byte) bool { return bytes.Contains(p, []byte("and the rest")) },
	} {
		t.Run(name, func(t *testing.T) {
			d := quickDisk()
			writeAt := d.writeAt
			d.cloneRange = func(*os.File, int64, *os.File, int64, int64) error { return unix.EOPNOTSUPP }
			d.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
				if full(p) {
					return 0, unix.ENOSPC
				}
				return writeAt(f, p, off)
			}
			s, b, out := begunWith(t, d, "the pack", int64(len(restOfImage)))
			a, err := commitTo(t, s, writeRest, b, out)
			must(t, err)
			if err := out.Commit(t.Context()); !errors.Is(err, ErrNoSpace) {
				t.Errorf("%v", err)
			}
			if left := tree(t, filepath.Dir(out.dst)); len(left) > 0 {
				t.Errorf("left %q", left)
			}
			s.disk = quickDisk()
			if got := copied(t, s, a); string(got) != "the pack"+restOfImage[8:] {
				t.Errorf("the artifact holds %q", got)
			}
		})
	}
}

// TestBegunKeepsHoles: a file that was begun early takes no more room.
func TestBegunKeepsHoles(t *testing.T) {
	s := openTest(t, t.TempDir())
	layer := digest.FromString("tar")
	must(t, putTestLayer(t, s, layer, string(append(bytes.Repeat([]byte("pack"), 1000), make([]byte, 8<<20)...))))
	b := Bodies{Layers: []digest.Digest{layer}, List: []Body{
		{Offset: 10 << 20, Length: 4000}, {Offset: 100 << 20, PackOffset: 4096, Length: 8<<20 - 4096}, {Offset: 500 << 20, Length: 7},
	}}
	dst := filepath.Join(t.TempDir(), "out")
	out := s.NewOutput(dst, CopyOptions{})
	out.Begin(t.Context(), 1<<30, b)
	_, err := commitTo(t, s, func(f *os.File) error {
		_, err := f.WriteAt([]byte("data"), 20<<20)
		_, zerosErr := f.WriteAt(make([]byte, 8<<20), 200<<20)
		return errors.Join(err, zerosErr, f.Truncate(1<<30))
	}, b, out)
	must(t, errors.Join(err, out.Commit(t.Context())))
	if n := blocks(t, dst); n > 200<<10 {
		t.Errorf("it takes %d bytes", n)
	}
}
