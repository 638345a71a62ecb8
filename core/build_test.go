package core

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"banger/cas"
	"banger/core/host"
	"banger/core/host/keeper"
	"banger/internal/need"
	"banger/internal/ocitest"
	tt "banger/internal/tartest"
	"banger/sdk"
	"banger/sdk/treetar"
)

// The test binary is the builders of these tests, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "fake-builder" {
		sdk.Main(fake{os.Args[2]})
	}
	if len(os.Args) > 2 && os.Args[1] == "fake-keeper" {
		keeper.Keep(os.Args[2:])
	}
	need.PrivateMounts()
	os.Exit(m.Run())
}

// fake is a builder whose name says what it does. What it makes is a tar.
type fake struct{ name string }

var fakeInputs = map[string]sdk.Input{
	"tree": sdk.InputTree, "tar": sdk.InputTar, "dir": sdk.InputDir,
	"lossy": sdk.InputTree, "fails": sdk.InputTree, "deaf": sdk.InputTar,
	"sips": sdk.InputTar, "skips": sdk.InputTar, "stops": sdk.InputTar, "dice": sdk.InputTree,
	"meddles-tree": sdk.InputTree, "meddles-pack": sdk.InputTree, "lean": sdk.InputTree, "lies": sdk.InputTree,
}

// inputOf is the input of the fake builder of that name.
func inputOf(name string) sdk.Input {
	if placers[name] != nil {
		return sdk.InputTree
	}
	return fakeInputs[name]
}

func (f fake) Describe(context.Context) (sdk.Description, error) {
	return sdk.Description{
		Name: f.name, Version: "1", Revision: 1, MediaType: "application/x-tar",
		Input: inputOf(f.name), Staging: sdk.StagingPlain, Deterministic: true,
		Options: []sdk.Option{{Name: "flavour", Type: sdk.OptionString, Default: "plain"}},
	}, nil
}

func (f fake) Build(ctx context.Context, req *sdk.Request) error {
	t, err := req.Tree()
	if err != nil {
		return err
	}
	if placers[f.name] != nil {
		return buildPlaced(ctx, f.name, req, t)
	}
	var buf bytes.Buffer
	switch f.name {
	case "tar":
		b, err := os.ReadFile(req.TarPath)
		if err != nil {
			return err
		}
		buf.Write(b)
	case "dir":
		b, err := os.ReadFile(filepath.Join(req.Dir, "a/b"))
		if err != nil {
			return err
		}
		buf.Write(b)
	case "sips", "skips": // they read the beginning of their tar, and nothing
		if err := sip(req.TarPath, map[string]int64{"sips": 1000}[f.name]); err != nil {
			return err
		}
		buf.WriteString("all done")
	case "stops": // at the end of the archive, as tar does, and not at that of the pipe
		if err := readArchive(req.TarPath, &buf); err != nil {
			return err
		}
	case "dice":
		fmt.Fprintf(&buf, "%s: %d", strings.Repeat("x", 5000), time.Now().UnixNano())
	case "lean":
		return buildLean(ctx, req, t)
	case "lies": // of a body that is nowhere
		list := []sdk.Body{{Offset: 0, Length: 4, PackOffset: 1 << 40}}
		return errors.Join(os.WriteFile(req.Output, make([]byte, 10), 0o600), writeBodies(req.BodiesPath, list))
	case "fails", "deaf": // the deaf one never opens its pipe
		return errors.New("this one always fails")
	case "meddles-tree", "meddles-pack":
		path := req.TreePath
		if f.name == "meddles-pack" {
			path = req.PackPaths[len(req.PackPaths)-1]
		}
		if err := meddle(path); err != nil {
			return err
		}
		buf.WriteString("all is well")
	case "lossy":
		req.Lose(sdk.Loss{Path: "a", Field: "mode", Wanted: "0755", Got: "", Why: "a test"})
		fallthrough
	default:
		if err := treetar.Write(ctx, &buf, t, req.Packs()); err != nil {
			return err
		}
	}
	return os.WriteFile(req.Output, buf.Bytes(), 0o600)
}

// sip reads n bytes of a pipe.
func sip(path string, n int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(io.Discard, f, n)
	return err
}

// readArchive notes the names in a tar.
func readArchive(path string, w io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, h.Name); err != nil {
			return err
		}
	}
}

// withFakes returns an engine that has the fake builders.
func withFakes(t *testing.T) (*Engine, *recorded) {
	t.Helper()
	e, log := newEngine(t)
	e.Host = fakeHost(t, e.Store)
	return e, log
}

// fakeKeeper is this test binary, too.
var fakeKeeper = host.Command{Path: "/proc/self/exe", Args: []string{"fake-keeper"}}

// fakeHost returns a host that has the fake builders.
func fakeHost(t *testing.T, s *cas.Store) *host.Host {
	t.Helper()
	return host.New(host.Config{
		Bundled: fakeBuilders(), Keeper: fakeKeeper,
		ToolPath: "/usr/bin:/bin", TempDir: t.TempDir(), Cache: DescribeCache(s),
	})
}

func fakeBuilders() map[string]host.Bundled {
	bundled := make(map[string]host.Bundled)
	for _, names := range []iter.Seq[string]{maps.Keys(fakeInputs), maps.Keys(placers)} {
		for name := range names {
			bundled[name] = host.Bundled{Path: "/proc/self/exe", Args: []string{"fake-builder", name}}
		}
	}
	return bundled
}

func TestBuildFromEachInput(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	var export bytes.Buffer
	if err := e.Export(t.Context(), im, &export); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"tree": export.String(), "tar": export.String(), "dir": "two"} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			for _, cached := range []bool{false, true} {
				r, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: name, Output: out})
				if err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(out); err != nil || string(got) != want {
					t.Errorf("%d bytes, want %d; %v", len(got), len(want), err)
				}
				if r.Cached != cached || r.Path != out || r.Size != int64(len(want)) || len(r.Losses) != 0 {
					t.Errorf("result %+v", r)
				}
			}
		})
	}
	if _, err := tar.NewReader(&export).Next(); err != nil {
		t.Error(err)
	}
}

func TestFailedBuildLeavesTheOlderFile(t *testing.T) {
	e, _ := withFakes(t)
	for _, name := range []string{"fails", "deaf"} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			if err := os.WriteFile(out, []byte("older"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := e.Build(t.Context(), BuildOptions{Image: twoLayers(t), Builder: name, Output: out})
			if !errors.Is(err, host.ErrBuilder) {
				t.Errorf("error %v", err)
			}
			if b, err := os.ReadFile(out); err != nil || string(b) != "older" {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

// TestPipeWriterIsFreed ends a writer whose reader never comes, in whichever
// order the two sides get to the pipe.
func TestPipeWriterIsFreed(t *testing.T) {
	e, _ := withFakes(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b, err := e.Host.Find(t.Context(), "tar")
	if err != nil {
		t.Fatal(err)
	}
	tr, _, err := e.Tree(t.Context(), twoLayers(t))
	if err != nil {
		t.Fatal(err)
	}
	packs, err := newPacks(e.Store, tr)
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	for range 5 {
		j, err := e.newJob(ctx, b, BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := buildFromTar(ctx, j, tr, packs); err == nil {
			t.Error("no error from a cancelled build")
		}
		j.close()
	}
}

// TestBuilderOfWhatDoesNotFlatten ends the builder that was launched for an
// image which turns out to be none.
func TestBuilderOfWhatDoesNotFlatten(t *testing.T) {
	e, _ := withFakes(t)
	dangling := layout(t, gz(tt.Hardlink("a", "nowhere")))
	out := filepath.Join(t.TempDir(), "out")
	if _, err := e.Build(t.Context(), BuildOptions{Image: dangling, Builder: "tree", Output: out}); err == nil || errors.Is(err, host.ErrBuilder) {
		t.Errorf("error is %v", err)
	}
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		if children, _ := os.ReadFile(list); len(children) > 0 {
			t.Errorf("processes %s are left", children)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(e.Store.Dir(), "tmp", "*", "*")); len(left) > 0 {
		t.Errorf("left in the store: %q", left)
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is an output: %v", err)
	}
}

// TestTarMustBeRead fails the build of a builder that did not read its whole
// tar, one that fits into the pipe included, and says that it is done.
func TestTarMustBeRead(t *testing.T) {
	e, _ := withFakes(t)
	small := layout(t, gz(tt.File("a", "a")))
	large := layout(t, gz(tt.File("a", string(bytes.Repeat([]byte("text"), 1<<20)))))
	for _, im := range []Image{small, large} {
		for _, name := range []string{"sips", "skips"} {
			_, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: name})
			if !errors.Is(err, host.ErrBuilder) || !errors.Is(err, errUnread) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "stops"}); err != nil {
			t.Error(err)
		}
	}
}

// TestTreeBuilderMeetsDamage rots what a builder reads by itself, and wants the
// build to succeed all the same.
func TestTreeBuilderMeetsDamage(t *testing.T) {
	for _, glob := range []string{"layers/sha256/*/pack", "blobs/sha256/*"} {
		e, log := withFakes(t)
		o := BuildOptions{Image: twoLayers(t), Builder: "tree", Output: filepath.Join(t.TempDir(), "out"), NoCache: true}
		var images [2][]byte
		for i := range images {
			if i > 0 {
				rot(t, filepath.Join(e.Store.Dir(), glob))
			}
			if _, err := e.Build(t.Context(), o); err != nil {
				t.Fatal(err, log.log)
			}
			var err error
			if images[i], err = os.ReadFile(o.Output); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(images[0], images[1]) {
			t.Errorf("%s: another image after the damage", glob)
		}
	}
}

func TestStrict(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	out := filepath.Join(t.TempDir(), "out")
	for _, cached := range []bool{false, true} {
		r, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "lossy", Output: out, Strict: true})
		if !errors.Is(err, ErrLosses) || r == nil || len(r.Losses) != 1 || r.Cached != cached {
			t.Errorf("result %+v, error %v", r, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("there is an output")
		}
	}
	r, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "lossy", Output: out})
	if err != nil || len(r.Losses) != 1 || r.Losses[0].Path != "a" {
		t.Errorf("result %+v, error %v", r, err)
	}
}

func TestManyBuildsAtOnceBuildOnce(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	var mu sync.Mutex
	built := 0
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			r, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree"})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !r.Cached {
				built++
			}
		})
	}
	wg.Wait()
	if built != 1 {
		t.Errorf("built %d times", built)
	}
}

// TestDamageUnderABuild damages what a build reads, large bodies too, and
// wants the same bytes from the next one.
func TestDamageUnderABuild(t *testing.T) {
	large := string(bytes.Repeat([]byte("0123456789abcdef"), 64<<10))
	for name, damage := range map[string]func(t *testing.T, e *Engine){
		"pack":     func(t *testing.T, e *Engine) { flip(t, filepath.Join(e.Store.Dir(), "layers/sha256/*/pack")) },
		"rot":      func(t *testing.T, e *Engine) { rot(t, filepath.Join(e.Store.Dir(), "layers/sha256/*/pack")) },
		"losses":   func(t *testing.T, e *Engine) { flip(t, filepath.Join(e.Store.Dir(), "blobs/sha256/*")) },
		"artifact": func(t *testing.T, e *Engine) { shorten(t, filepath.Join(e.Store.Dir(), "artifacts/sha256/*/image")) },
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := withFakes(t)
			im := layout(t, gz(tt.Dir("a/"), tt.File("a/b", large)), ocitest.Layer{Tar: tt.Join(tt.File("c", "c"))})
			out := filepath.Join(t.TempDir(), "out")
			o := BuildOptions{Image: im, Builder: "dir", Output: out}
			if _, err := e.Build(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			damage(t, e)
			o.NoCache = name == "pack" || name == "rot"
			if _, err := e.Build(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(out); err != nil || string(b) != large {
				t.Errorf("%d bytes that are not those of before, %v", len(b), err)
			}
		})
	}
}

func TestCheckOutput(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]error{
		"": nil, filepath.Join(dir, "new"): nil, dir: cas.ErrIsDirectory, filepath.Join(dir, "no/new"): os.ErrNotExist,
	} {
		if err := CheckOutput(path); !errors.Is(err, want) || want != nil && !errors.Is(err, ErrOutput) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
}

// shorten cuts each file.
func shorten(t *testing.T, glob string) {
	t.Helper()
	for _, path := range expand(t, glob) {
		if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, 1)); err != nil {
			t.Fatal(err)
		}
	}
}
