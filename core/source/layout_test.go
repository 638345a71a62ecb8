package source_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"banger/core/source"
	"banger/internal/hint"
)

// wantError opens ref and wants an error of that kind with that text.
func wantError(t *testing.T, ref string, o source.Options, kind error, text string) error {
	t.Helper()
	if o.TempDir == nil {
		o.TempDir = in(t.TempDir())
	}
	im, err := source.Open(t.Context(), ref, o)
	if err == nil {
		_ = im.Close()
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Fatalf("%s: error %v, want %v with %q", ref, err, kind, text)
	}
	dir, _ := o.TempDir()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
	return err
}

func TestLayoutReferences(t *testing.T) {
	l := newLayout(t)
	arm, s390 := l.image("linux/arm64"), l.image("linux/s390x")
	l.tag(arm, "arm")
	l.tag(s390, "localhost/x:big")
	unlisted := l.image("linux/riscv64")

	for _, c := range []struct{ rest, want string }{
		{":arm", arm.Digest.String()},
		{":localhost/x:big", s390.Digest.String()},
		{"@" + arm.Digest.String(), arm.Digest.String()},
		{"@" + unlisted.Digest.String(), unlisted.Digest.String()},
	} {
		im := mustOpen(t, "oci:"+l.dir+c.rest, source.Options{})
		if got := im.Manifest().Digest.String(); got != c.want {
			t.Errorf("%s: manifest %s, want %s", c.rest, got, c.want)
		}
		if im.Name() != "oci:"+l.dir+c.rest {
			t.Errorf("name %q", im.Name())
		}
		check(t, im)
	}
	for _, c := range []struct {
		rest, text string
		kind       error
	}{
		{":none", `no tag "none": there is arm, localhost/x:big`, source.ErrNotFound},
		{"", "which of 2 images", source.ErrNotFound},
		{"@" + hexDigest, "is missing", source.ErrNotFound},
		{":arm@" + arm.Digest.String(), "not both", source.ErrReference},
	} {
		if c.rest == "" { // the platforms stated must not tell them apart
			_ = wantError(t, "oci:"+l.dir, source.Options{Platform: platform(t, "amd64")}, c.kind, c.text)
			continue
		}
		_ = wantError(t, "oci:"+l.dir+c.rest, source.Options{}, c.kind, c.text)
	}
}

func TestLayoutWithoutTag(t *testing.T) {
	t.Run("one image", func(t *testing.T) {
		l := newLayout(t)
		check(t, mustOpen(t, l.tag(l.image("linux/s390x"), ""), source.Options{}))
	})
	t.Run("one image and an attestation", func(t *testing.T) {
		l := newLayout(t)
		l.tag(l.image("unknown/unknown"), "")
		check(t, mustOpen(t, l.tag(l.image("linux/s390x"), ""), source.Options{}))
	})
	t.Run("one of the platform", func(t *testing.T) {
		l := newLayout(t)
		arm := l.image("linux/arm64")
		l.tag(l.image("linux/s390x"), "")
		im := mustOpen(t, l.tag(arm, ""), source.Options{Platform: platform(t, "arm64")})
		if im.Manifest().Digest.String() != arm.Digest.String() {
			t.Error("not the image of the platform")
		}
	})
	t.Run("one image under two tags", func(t *testing.T) {
		l := newLayout(t)
		d := l.image("linux/s390x")
		l.tag(d, "a")
		l.tag(d, "b")
		check(t, mustOpen(t, "oci:"+l.dir, source.Options{}))
	})
	t.Run("index", func(t *testing.T) {
		l := newLayout(t)
		ref := l.tag(l.index(l.image("linux/s390x"), l.image("linux/arm64")), "")
		check(t, mustOpen(t, ref, source.Options{Platform: platform(t, "arm64")}))
	})
	t.Run("the platform of an entry is not believed", func(t *testing.T) {
		l := newLayout(t)
		d := l.image("linux/s390x")
		d.Platform = parsePlatform("linux/amd64") // as tools of that machine write
		ref := l.tag(d, "x")
		check(t, mustOpen(t, ref, source.Options{Platform: platform(t, "s390x")}))
		_ = wantError(t, ref, source.Options{Platform: platform(t, "amd64")}, source.ErrNotFound, "only one for linux/s390x")
	})
	t.Run("containerd's annotation", func(t *testing.T) {
		l := newLayout(t)
		l.tag(l.image("linux/arm64"), "other")
		d := l.image("linux/s390x")
		d.Annotations = map[string]string{"io.containerd.image.name": "docker.io/library/x:1"}
		l.tag(d, "")
		im := mustOpen(t, "oci:"+l.dir+":docker.io/library/x:1", source.Options{})
		if im.Manifest().Digest.String() != d.Digest.String() {
			t.Error("not the image of that name")
		}
	})
	t.Run("empty", func(t *testing.T) {
		l := newLayout(t)
		l.write("index.json", []byte(`{"schemaVersion":2,"manifests":[]}`))
		_ = wantError(t, "oci:"+l.dir, source.Options{}, source.ErrNotFound, "holds no image")
	})
}

func TestLayoutPathsWithColons(t *testing.T) {
	l := newLayout(t)
	l.tag(l.image("linux/arm64"), "t")
	base := t.TempDir()
	long, short := filepath.Join(base, "a:t"), filepath.Join(base, "a")
	if err := os.Symlink(l.dir, long); err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, "oci:"+long, source.Options{}))
	check(t, mustOpen(t, "oci:"+long+":t", source.Options{}))
	_ = wantError(t, "oci:"+short+":nope", source.Options{}, source.ErrNotFound, "no file or directory")
	// Where both exist, the longer one is meant.
	if err := os.Mkdir(short, 0o755); err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, "oci:"+long, source.Options{}))
}

func TestRefusesLayouts(t *testing.T) {
	good := `{"schemaVersion":2,"manifests":[]}`
	for _, c := range []struct {
		name, version, index, text string
		kind                       error
	}{
		{"no version", "", good, "oci-layout is missing", source.ErrNotFound},
		{"other version", `{"imageLayoutVersion":"2.0.0"}`, good, "is not 1.x", source.ErrInvalid},
		{"version no JSON", `x`, good, "is not 1.x", source.ErrInvalid},
		{"no index", `{"imageLayoutVersion":"1.0.0"}`, "", "index.json is missing", source.ErrNotFound},
		{"index no JSON", `{"imageLayoutVersion":"1.0.0"}`, "{", "parse index.json", source.ErrInvalid},
		{"index of schema 1", `{"imageLayoutVersion":"1.0.0"}`, `{"schemaVersion":1}`, "schemaVersion 1", source.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &layoutDir{t: t, dir: t.TempDir()}
			if c.version != "" {
				l.write("oci-layout", []byte(c.version))
			}
			if c.index != "" {
				l.write("index.json", []byte(c.index))
			}
			_ = wantError(t, "oci:"+l.dir, source.Options{}, c.kind, c.text)
		})
	}
	t.Run("a file", func(t *testing.T) {
		path := tempFile(t, "x.tar", nil)
		err := wantError(t, "oci:"+path, source.Options{}, source.ErrReference, "not a directory")
		if hint.Of(err) != "for an archive of a layout, use oci-archive:"+path {
			t.Errorf("hint %q", hint.Of(err))
		}
	})
	t.Run("a fifo for a blob", func(t *testing.T) {
		l := newLayout(t)
		d := l.image("linux/arm64")
		ref := l.tag(d, "x")
		if err := os.Remove(l.path(d)); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(l.path(d), 0o644); err != nil {
			t.Fatal(err)
		}
		_ = wantError(t, ref, source.Options{}, source.ErrInvalid, "not a regular file")
	})
}

func TestLayoutLayers(t *testing.T) {
	setup := func(t *testing.T) (source.Image, string) {
		l := newLayout(t)
		im := mustOpen(t, l.tag(l.image("linux/arm64"), "x"), source.Options{})
		return im, l.path(v1.Descriptor{Digest: im.Manifest().Layers[0].Digest})
	}
	t.Run("symlinked", func(t *testing.T) {
		im, path := setup(t)
		elsewhere := filepath.Join(t.TempDir(), "blob")
		if err := os.Rename(path, elsewhere); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, path); err != nil {
			t.Fatal(err)
		}
		check(t, im)
	})
	t.Run("of another size", func(t *testing.T) {
		im, path := setup(t)
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
		if _, err := im.OpenLayer(t.Context(), 0); !errors.Is(err, source.ErrInvalid) {
			t.Errorf("error %v, want ErrInvalid", err)
		}
	})
	t.Run("missing", func(t *testing.T) {
		im, path := setup(t)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := im.OpenLayer(t.Context(), 0); !errors.Is(err, source.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
		if _, err := im.OpenLayer(t.Context(), 1); !errors.Is(err, source.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
	})
	t.Run("context", func(t *testing.T) {
		im, _ := setup(t)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := im.OpenLayer(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		cancel()
		if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
}
