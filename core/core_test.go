package core

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/core/source"
	"banger/internal/hint"
	"banger/internal/ocitest"
	tt "banger/internal/tartest"
	"banger/sdk"
	"banger/sdk/treetar"
)

// recorded is an Events sink that keeps the log.
type recorded struct {
	mu  sync.Mutex
	log []string
}

func (r *recorded) Log(_ sdk.LogLevel, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, text)
}

func (r *recorded) Progress(Progress) {}

func newEngine(t *testing.T) (*Engine, *recorded) {
	t.Helper()
	s, err := cas.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	log := &recorded{}
	return New(Config{Store: s, Host: host.New(host.Config{}), Events: log}), log
}

// layout writes an image of the layers and returns how it is named.
func layout(t *testing.T, layers ...ocitest.Layer) Image {
	t.Helper()
	dir := t.TempDir()
	if _, err := ocitest.Write(dir, layers...); err != nil {
		t.Fatal(err)
	}
	return Image{Ref: "oci:" + dir, Platform: "linux/amd64"}
}

func gz(parts ...[]byte) ocitest.Layer {
	return ocitest.Layer{Tar: tt.Join(parts...), Compression: ocitest.Gzip}
}

func twoLayers(t *testing.T) Image {
	return layout(t, gz(tt.Dir("a/"), tt.File("a/b", "one")), gz(tt.File("a/b", "two"), tt.File("c", "three")))
}

func TestPullFetchesOnce(t *testing.T) {
	e, _ := newEngine(t)
	im := twoLayers(t)
	first, err := e.Pull(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	if first.FetchedBytes == 0 || len(first.DiffIDs) != 2 {
		t.Errorf("first pull: %+v", first)
	}
	again, err := e.Pull(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	if again.FetchedBytes != 0 {
		t.Errorf("second pull fetched %d bytes", again.FetchedBytes)
	}
}

func TestPullAfterBuildBringsBlobs(t *testing.T) {
	e, _ := newEngine(t)
	plain := layout(t, ocitest.Layer{Tar: tt.Join(tt.File("a", "a")), Compression: ocitest.Plain})
	zipped := layout(t, ocitest.Layer{Tar: tt.Join(tt.File("a", "a")), Compression: ocitest.Gzip})
	if _, _, err := e.Tree(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	p, err := e.Pull(t.Context(), zipped)
	if err != nil {
		t.Fatal(err)
	}
	if p.FetchedBytes == 0 {
		t.Error("the layer was unpacked already, but its compressed blob must be fetched for other tools")
	}
}

func TestRepeatedLayer(t *testing.T) {
	e, _ := newEngine(t)
	l := gz(tt.File("a", "a"))
	tr, _, err := e.Tree(t.Context(), layout(t, l, l, l))
	if err != nil {
		t.Fatal(err)
	}
	if tr.Lookup("a") == nil {
		t.Error("a is missing")
	}
}

func TestTreeIsKept(t *testing.T) {
	e, _ := newEngine(t)
	im := twoLayers(t)
	tr, d, err := e.Tree(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	if f := tr.Lookup("a/b"); f == nil || f.SHA256 != sha256.Sum256([]byte("two")) {
		t.Errorf("a/b: %+v", f)
	}
	for _, l := range tr.Layers { // a kept tree needs no index
		if err := os.Remove(filepath.Join(e.Store.Dir(), "layers", "sha256", digest.Digest(l).Encoded(), "index")); err != nil {
			t.Fatal(err)
		}
	}
	_, again, err := e.Tree(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	if again != d {
		t.Errorf("tree %s, then %s", d, again)
	}
}

// TestDamageIsMended damages each kind of file that a build reads of the
// store and wants the same tree again.
func TestDamageIsMended(t *testing.T) {
	for name, glob := range map[string]string{
		"layer index":   "layers/sha256/*/index",
		"tree and blob": "blobs/sha256/*",
		"action":        "actions/sha256/*",
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(t)
			im := twoLayers(t)
			_, want, err := e.Tree(t.Context(), im)
			if err != nil {
				t.Fatal(err)
			}
			flip(t, filepath.Join(e.Store.Dir(), glob))
			if name == "layer index" {
				remove(t, filepath.Join(e.Store.Dir(), "actions/sha256/*"))
			}
			_, got, err := e.Tree(t.Context(), im)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("tree %s after the damage, %s before", got, want)
			}
		})
	}
}

func TestManyPullsAtOnce(t *testing.T) {
	e, _ := newEngine(t)
	im := twoLayers(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := e.Pull(t.Context(), im); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestDiffIDCount(t *testing.T) {
	e, _ := newEngine(t)
	_, err := e.Pull(t.Context(), layout(t, ocitest.Layer{Tar: tt.Join(), DiffID: "sha256:nonsense"}))
	if !errors.Is(err, source.ErrInvalid) {
		t.Errorf("a config with a bad diffID: %v", err)
	}
}

// TestDamagedPack wants the layer of a damaged body made again.
func TestDamagedPack(t *testing.T) {
	e, log := newEngine(t)
	im := twoLayers(t)
	var want, got bytes.Buffer
	if err := e.Export(t.Context(), im, &want); err != nil {
		t.Fatal(err)
	}
	rot(t, filepath.Join(e.Store.Dir(), "layers/sha256/*/pack"))
	if err := e.Export(t.Context(), im, io.Discard); !errors.Is(err, treetar.ErrContent) ||
		hint.Of(err) != "what was written is not whole; run it again: the damaged layers were set aside" {
		t.Fatalf("exporting a damaged pack: %v, hint %q", err, hint.Of(err))
	}
	if err := e.Export(t.Context(), im, &got); err != nil {
		t.Fatal(err, log.log)
	}
	if !bytes.Equal(want.Bytes(), got.Bytes()) {
		t.Error("the export differs after the damage was mended")
	}
}

// flip changes a bit in the middle of each file.
func flip(t *testing.T, glob string) {
	t.Helper()
	for _, path := range expand(t, glob) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// rot changes a bit in the middle of each file as a failing disk does: the
// filesystem does not know.
func rot(t *testing.T, glob string) {
	t.Helper()
	times := make(map[string]time.Time)
	for _, path := range expand(t, glob) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		times[path] = info.ModTime()
	}
	flip(t, glob)
	for path, at := range times {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, glob string) {
	t.Helper()
	for _, path := range expand(t, glob) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func expand(t *testing.T, glob string) []string {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %d files", glob, err, len(paths))
	}
	return paths
}

// A program that decompresses and does not do it well changes nothing but the
// time: the layer is fetched once, and unpacked from the blob.
func TestUselessGunzip(t *testing.T) {
	noise := make([]byte, 5<<20) // so large that a program is asked
	if _, err := rand.NewChaCha8([32]byte{}).Read(noise); err != nil {
		t.Fatal(err)
	}
	im := layout(t, gz(tt.File("a", string(noise))), gz(tt.File("b", "b")))
	plain, _ := newEngine(t)
	want, err := plain.Pull(t.Context(), im)
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"exit 1", "cat", "gzip -dc; exit 1", "gzip -dc"} {
		e, _ := newEngine(t)
		e.Gunzip = []string{"/bin/sh", "-c", script}
		got, err := e.Pull(t.Context(), im)
		if err != nil || got.FetchedBytes != want.FetchedBytes {
			t.Errorf("%s: %+v, %v, want %d bytes fetched", script, got, err, want.FetchedBytes)
		}
		if again, err := e.Pull(t.Context(), im); err != nil || again.FetchedBytes != 0 {
			t.Errorf("%s: second pull %+v, %v", script, again, err)
		}
		if err := os.RemoveAll(filepath.Join(e.Store.Dir(), "layers", "sha256", got.DiffIDs[0].Encoded())); err != nil {
			t.Fatal(err)
		}
		if again, err := e.Pull(t.Context(), im); err != nil || again.FetchedBytes != 0 {
			t.Errorf("%s: from the blob %+v, %v", script, again, err)
		}
	}
}
