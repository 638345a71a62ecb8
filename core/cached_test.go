package core

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/core/source"
	"banger/internal/hint"
	"banger/internal/ocitest"
	tt "banger/internal/tartest"
)

// command does what one run of banger does with the store at dir: what it
// uses is in use no longer than that.
func command(t *testing.T, dir string, do func(e *Engine)) {
	t.Helper()
	s, err := cas.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	h := host.New(host.Config{
		Bundled:  map[string]host.Bundled{"tree": {Path: "/proc/self/exe", Args: []string{"fake-builder", "tree"}}},
		Keeper:   fakeKeeper,
		ToolPath: "/usr/bin:/bin", TempDir: t.TempDir(), Cache: DescribeCache(s),
	})
	do(New(Config{Store: s, Host: h}))
}

func pullIn(t *testing.T, dir string, im Image) (p *Pulled) {
	t.Helper()
	command(t, dir, func(e *Engine) {
		var err error
		if p, err = e.Pull(t.Context(), im); err != nil {
			t.Fatal(err)
		}
	})
	return p
}

func buildIn(t *testing.T, dir string, im Image) (r *BuildResult) {
	t.Helper()
	command(t, dir, func(e *Engine) {
		var err error
		if r, err = e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree"}); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

func gcIn(t *testing.T, dir string, o cas.GCOptions) (res cas.GCResult) {
	t.Helper()
	o.References = References{}
	command(t, dir, func(e *Engine) {
		var err error
		if res, err = e.Store.GC(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
	return res
}

func count(t *testing.T, dir, glob string) int {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, glob))
	if err != nil {
		t.Fatal(err)
	}
	return len(paths)
}

// TestGCKeepsWhatIsNeeded: nothing of a build or of a pulled image is garbage.
func TestGCKeepsWhatIsNeeded(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, dir string, im Image){
		"build": func(t *testing.T, dir string, im Image) { buildIn(t, dir, im) },
		"pull":  func(t *testing.T, dir string, im Image) { pullIn(t, dir, im) },
		"tree": func(t *testing.T, dir string, im Image) {
			command(t, dir, func(e *Engine) {
				if _, _, err := e.Tree(t.Context(), im); err != nil {
					t.Fatal(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, im := t.TempDir(), twoLayers(t)
			do(t, dir, im)
			layers := count(t, dir, "layers/sha256/*")
			res := gcIn(t, dir, cas.GCOptions{})
			if name == "tree" { // it keeps the layers; manifest, config and what was compressed can be had again
				if res.Removed[cas.KindBlob].Count != 4 || res.Total().Count != 4 || layers != 2 {
					t.Errorf("removed %+v", res.Removed)
				}
			} else if res.Total().Count != 0 {
				t.Errorf("removed %+v", res.Removed)
			}
		})
	}
}

// TestGCKeepsIndexes: an image index stays with the image that it led to.
func TestGCKeepsIndexes(t *testing.T) {
	dir, im := t.TempDir(), twoLayers(t)
	p := pullIn(t, dir, im)
	var index digest.Digest
	command(t, dir, func(e *Engine) {
		var err error
		body := `{"manifests":[{"digest":"` + p.Manifest.String() + `"},{"digest":"nonsense"}]}`
		if index, err = e.Store.PutBlob(t.Context(), []byte(body)); err != nil {
			t.Fatal(err)
		}
	})
	if res := gcIn(t, dir, cas.GCOptions{}); res.Total().Count != 0 {
		t.Errorf("removed %+v", res.Removed)
	}
	gcIn(t, dir, cas.GCOptions{All: true})
	if _, err := os.Stat(filepath.Join(dir, "blobs/sha256", index.Encoded())); err == nil {
		t.Error("the index is left over")
	}
}

// TestGCBySize takes the compressed blobs first, which a build does not miss
// and the next pull brings again.
func TestGCBySize(t *testing.T) {
	dir, im := t.TempDir(), twoLayers(t)
	p, built := pullIn(t, dir, im), buildIn(t, dir, im)
	size := gcIn(t, dir, cas.GCOptions{DryRun: true}).Before
	res := gcIn(t, dir, cas.GCOptions{MaxSize: size - 1})
	if res.Removed[cas.KindBlob].Count != 1 || res.Total().Count != 1 {
		t.Errorf("removed %+v", res.Removed)
	}
	if again := buildIn(t, dir, im); !again.Cached || again.Artifact != built.Artifact {
		t.Errorf("built again: %+v", again)
	}
	if again := pullIn(t, dir, im); again.FetchedBytes == 0 || again.FetchedBytes >= p.FetchedBytes {
		t.Errorf("pulled %d of %d bytes", again.FetchedBytes, p.FetchedBytes)
	}
	if now := gcIn(t, dir, cas.GCOptions{DryRun: true}).Before; now != size {
		t.Errorf("%d bytes, before %d", now, size)
	}
}

func TestListCached(t *testing.T) {
	dir, one, two := t.TempDir(), twoLayers(t), layout(t, gz(tt.File("x", "y")))
	b := buildIn(t, dir, one)
	p := pullIn(t, dir, two)
	command(t, dir, func(e *Engine) {
		list, err := ListCached(t.Context(), e.Store)
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		image, build := list[0], list[1]
		if image.Ref != refName(p.Ref) || image.Manifest != p.Manifest || image.Action != "" || image.Own == 0 || image.Own > image.Bytes {
			t.Errorf("image %+v", image)
		}
		if build.Ref != b.Ref || build.Manifest != b.Manifest || build.Action != b.Action || build.Artifact != b.Artifact ||
			build.Size != b.Size || build.Builder.Name != "tree" || build.Created.IsZero() || build.LastUse.Before(build.Created) {
			t.Errorf("build %+v", build)
		}
	})
}

func TestRemoveCached(t *testing.T) {
	dir, one, two := t.TempDir(), twoLayers(t), layout(t, gz(tt.Dir("a/"), tt.File("a/b", "one")), gz(tt.File("z", "z")))
	keep := buildIn(t, dir, two)
	for name, target := range map[string]func(b *BuildResult) string{
		"image":       func(b *BuildResult) string { return b.Ref },
		"manifest":    func(b *BuildResult) string { return b.Manifest.String() },
		"artifact":    func(b *BuildResult) string { return b.Artifact.String() },
		"action":      func(b *BuildResult) string { return b.Action.String() },
		"abbreviated": func(b *BuildResult) string { return b.Action.Encoded()[:minAbbreviation] },
	} {
		t.Run(name, func(t *testing.T) {
			b := buildIn(t, dir, one)
			layers := count(t, dir, "layers/sha256/*")
			command(t, dir, func(e *Engine) {
				if _, err := RemoveCached(t.Context(), e.Store, target(b), cas.GCOptions{}); err != nil {
					t.Fatal(err)
				}
			})
			if n := count(t, dir, "layers/sha256/*"); layers != 3 || n != 2 {
				t.Errorf("%d layers, then %d: one is shared", layers, n)
			}
			if again := buildIn(t, dir, two); !again.Cached || again.Artifact != keep.Artifact {
				t.Errorf("the other build: %+v", again)
			}
		})
	}
}

func TestRemoveCachedErrors(t *testing.T) {
	dir, im := t.TempDir(), twoLayers(t)
	b := buildIn(t, dir, im)
	command(t, dir, func(e *Engine) {
		for target, want := range map[string]error{
			"oci:/nowhere":                           ErrNotCached,
			digest.FromString("x").String():          ErrNotCached,
			"http://x":                               source.ErrReference,
			b.Manifest.Encoded()[:minAbbreviation-1]: ErrNotCached,
			"sha256:" + strings.Repeat("0123456", 9): ErrNotCached,
		} {
			if _, err := RemoveCached(t.Context(), e.Store, target, cas.GCOptions{}); !errors.Is(err, want) {
				t.Errorf("%s: %v", target, err)
			}
		}
		if _, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree"}); err != nil {
			t.Fatal(err)
		}
		if _, err := RemoveCached(t.Context(), e.Store, b.Ref, cas.GCOptions{}); !errors.Is(err, cas.ErrBusy) || hint.Of(err) != "wait for the builds that use it and run it again" {
			t.Errorf("in use: %v, hint %q", err, hint.Of(err))
		}
	})
	if !buildIn(t, dir, im).Cached {
		t.Error("it was removed while in use")
	}
}

func TestAmbiguous(t *testing.T) {
	list := []Cached{{Manifest: digest.Digest("sha256:" + strings.Repeat("a", 64))}, {Manifest: digest.Digest("sha256:" + strings.Repeat("a", 63) + "b")}}
	if _, err := selector(list, strings.Repeat("a", 20)); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("got %v", err)
	}
	means, err := selector(list, strings.Repeat("a", 63)+"b")
	if err != nil || means(list[0]) || !means(list[1]) {
		t.Errorf("%v", err)
	}
}

// FuzzReferences: whatever a blob says, references are found without a panic.
func FuzzReferences(f *testing.F) {
	f.Add([]byte(`{"config":{"digest":"sha256:x"},"layers":[{"digest":"y"}],"manifests":[{"digest":""}]}`), []byte(`{"rootfs":{"diff_ids":["z"]}}`))
	f.Add([]byte(`{"manifests":[{"digest":"sha256:self"}]}`), []byte(`null`))
	f.Fuzz(func(_ *testing.T, manifest, other []byte) {
		self := digest.FromBytes(manifest)
		read := func(d digest.Digest) []byte {
			if d == self || d == "sha256:self" {
				return manifest
			}
			return other
		}
		References{}.Manifest(self, read)
		References{}.Index(manifest)
		References{}.Action(cas.Action{Preimage: other}, read)
	})
}

// TestSharedLayers: what sharing saves is counted by images, not by builds.
func TestSharedLayers(t *testing.T) {
	shared := gz(tt.File("shared", "shared"))
	dir, one, two := t.TempDir(), layout(t, shared), layout(t, shared, ocitest.Layer{Tar: tt.Join(tt.File("own", "own")), Compression: ocitest.Gzip})
	buildIn(t, dir, one)
	pullIn(t, dir, one)
	pullIn(t, dir, two)
	command(t, dir, func(e *Engine) {
		u, err := e.Store.Usage(t.Context(), References{})
		if err != nil || u.Shared.Count != 1 || u.Saved == 0 || u.Saved != u.Shared.Bytes || u.Unheld.Count != 0 || u.Packed.Count != 2 {
			t.Errorf("%+v, %v", u, err)
		}
	})
}
