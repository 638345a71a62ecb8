package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/internal/ocitest"
	tt "banger/internal/tartest"
	"banger/sdk"
	"banger/sdk/tree"
)

// buildLean is a builder that leaves all contents to banger: the image is a
// heading, and each file from the next multiple of 4096 on.
func buildLean(ctx context.Context, req *sdk.Request, t *tree.Tree) error {
	return makeLean(ctx, req, t, func(f *os.File, size int64) error {
		_, err := f.WriteString(leanHeading)
		return errors.Join(err, f.Truncate(size))
	})
}

// makeLean leaves the contents to banger, and has rest write all else to an image
// of that size.
func makeLean(ctx context.Context, req *sdk.Request, t *tree.Tree, rest func(f *os.File, size int64) error) error {
	f, err := os.Create(req.Output)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := leaveAll(ctx, req, t, f)
	if err != nil {
		return err
	}
	return rest(f, size)
}

const leanHeading = "an image of bodies\n"

// leaveAll leaves the contents to banger, and returns where they end.
func leaveAll(ctx context.Context, req *sdk.Request, t *tree.Tree, f *os.File) (int64, error) {
	at := int64(4096)
	for i := range t.Entries {
		e := &t.Entries[i]
		if e.Type != tree.Regular {
			continue
		}
		if err := req.Copy(ctx, f, at, e); err != nil {
			return 0, err
		}
		at += (e.Size + 4095) &^ 4095
	}
	return at, nil
}

func writeBodies(path string, list []sdk.Body) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(sdk.WriteBodies(f, list), f.Close())
}

// leanImage is what buildLean makes of files with these contents.
func leanImage(contents ...string) []byte {
	image := append([]byte(leanHeading), make([]byte, 4096-len(leanHeading))...)
	for _, c := range contents {
		image = append(image, c...)
		image = append(image, make([]byte, -len(c)&4095)...)
	}
	return image
}

var leanLarge = strings.Repeat("0123456789abcdef", 10<<10)

func leanLayers(t *testing.T) Image {
	return layout(t, gz(tt.Dir("a/"), tt.File("a/b", "one")), ocitest.Layer{Tar: tt.Join(tt.File("a/b", "two"), tt.File("c", leanLarge))})
}

// TestLeanBuild: whether the bytes of the contents are in the store once or
// twice, the user's file has them all, and what stays in the store, too.
func TestLeanBuild(t *testing.T) {
	e, _ := withFakes(t)
	o := BuildOptions{Image: leanLayers(t), Builder: "lean", Output: filepath.Join(t.TempDir(), "out")}
	want := leanImage("two", leanLarge)
	for i, cached := range []bool{false, true} {
		r, err := e.Build(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(o.Output)
		if err != nil || !bytes.Equal(got, want) || r.Cached != cached || r.Size != int64(len(want)) || r.Path != o.Output {
			t.Errorf("build %d: %d bytes, want %d, %+v, %v", i, len(got), len(want), r, err)
		}
	}
	if n := dataOfArtifacts(t, e.Store.Dir()); n > 2000 {
		t.Errorf("the artifact has %d bytes", n)
	}
	o.Output = ""
	var paths [3]string
	for i := range paths {
		r, err := e.Build(t.Context(), o)
		if err != nil || !r.Cached {
			t.Fatalf("%+v, %v", r, err)
		}
		paths[i] = r.Path
		if got, err := os.ReadFile(r.Path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("in the store, %d bytes, want %d, %v", len(got), len(want), err)
		}
	}
	if paths[1] != paths[0] || paths[2] != paths[0] {
		t.Errorf("made whole more than once: %q", paths)
	}
	o.NoCache = true
	if r, err := e.Build(t.Context(), o); err != nil || r.Path != paths[0] {
		t.Errorf("built for the store: %+v, %v, want path %s", r, err, paths[0])
	}
}

// dataOfArtifacts counts what is not zero in the artifacts of a store.
func dataOfArtifacts(t *testing.T, store string) (n int) {
	t.Helper()
	for _, path := range expand(t, filepath.Join(store, "artifacts/sha256/*/*")) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n += len(bytes.ReplaceAll(b, []byte{0}, nil))
	}
	return n
}

// TestLeanBuildFromAStoreThatCannotBeWritten: a hit is copied out, and what
// would have to be made whole says what to do.
func TestLeanBuildFromAStoreThatCannotBeWritten(t *testing.T) {
	e, _ := withFakes(t)
	o := BuildOptions{Image: leanLayers(t), Builder: "lean", Output: filepath.Join(t.TempDir(), "out")}
	if _, err := e.Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	s, err := cas.View(t.Context(), e.Store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	reader := New(Config{Store: s, Host: fakeHost(t, s)})
	if r, err := reader.Build(t.Context(), o); err != nil || !r.Cached {
		t.Errorf("%+v, %v", r, err)
	}
	if got, err := os.ReadFile(o.Output); err != nil || !bytes.Equal(got, leanImage("two", leanLarge)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	o.Output = ""
	if r, err := reader.Build(t.Context(), o); !errors.Is(err, cas.ErrReadOnly) {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestLeanBuildLosesALayer: without a layer that has its contents an image is
// built again, and so is one whose layer is unpacked in another way.
func TestLeanBuildLosesALayer(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, e *Engine, l cas.Layer) error{
		"gone": func(_ *testing.T, _ *Engine, l cas.Layer) error { return os.RemoveAll(filepath.Dir(l.Pack)) },
		"quarantined": func(_ *testing.T, e *Engine, l cas.Layer) error {
			return e.Store.QuarantineLayer(l.DiffID, errors.New("a test"))
		},
		"unpacked in another way": func(_ *testing.T, _ *Engine, l cas.Layer) error {
			b, err := os.ReadFile(l.Index)
			return errors.Join(err, os.Chmod(l.Index, 0o600), os.WriteFile(l.Index, append(b, 'x'), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, log := withFakes(t)
			o := BuildOptions{Image: leanLayers(t), Builder: "lean", Output: filepath.Join(t.TempDir(), "out")}
			if _, err := e.Build(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			tr, _, err := e.Tree(t.Context(), o.Image)
			if err != nil {
				t.Fatal(err)
			}
			l, err := e.Store.Layer(digest.Digest(tr.Layers[len(tr.Layers)-1]))
			if err != nil {
				t.Fatal(err)
			}
			if err := lose(t, e, l); err != nil {
				t.Fatal(err)
			}
			if x, err := e.Explain(t.Context(), o); err != nil || x.Hit {
				t.Errorf("explained as %+v, %v", x, err)
			}
			for _, cached := range []bool{false, true} {
				r, err := e.Build(t.Context(), o)
				if err != nil || r.Cached != cached {
					t.Fatalf("%+v, %v, %q", r, err, log.log)
				}
				if got, err := os.ReadFile(o.Output); err != nil || !bytes.Equal(got, leanImage("two", leanLarge)) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
}

// TestLeanBuildIsKept: gc keeps the layers of a build, whatever else goes.
func TestLeanBuildIsKept(t *testing.T) {
	e, _ := withFakes(t)
	o := BuildOptions{Image: leanLayers(t), Builder: "lean", Output: filepath.Join(t.TempDir(), "out")}
	if _, err := e.Build(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	again := reopened(t, e)
	if _, err := again.Store.GC(t.Context(), cas.GCOptions{}); err != nil { // with no References at all
		t.Fatal(err)
	}
	if r, err := again.Build(t.Context(), o); err != nil || !r.Cached {
		t.Errorf("%+v, %v", r, err)
	}
	list, err := ListCached(t.Context(), again.Store)
	if err != nil || len(list) == 0 || list[0].Bytes < int64(len(leanLarge)) {
		t.Errorf("listed as %+v, %v", list, err)
	}
}

// reopened ends e's session, and so what it uses, and returns another engine on
// its store.
func reopened(t *testing.T, e *Engine) *Engine {
	t.Helper()
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := cas.Open(t.Context(), e.Store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return New(Config{Store: s, Host: fakeHost(t, s)})
}

// TestLies: what a builder says of bodies is held against the packs.
func TestLies(t *testing.T) {
	e, _ := withFakes(t)
	_, err := e.Build(t.Context(), BuildOptions{Image: leanLayers(t), Builder: "lies", Output: filepath.Join(t.TempDir(), "out")})
	if !errors.Is(err, host.ErrBuilder) || !strings.Contains(fmt.Sprint(err), "not in its pack") {
		t.Errorf("got %v", err)
	}
}
