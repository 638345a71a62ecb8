package source_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/internal/hint"
)

// saved is an archive of docker save under construction.
type saved struct {
	t       testing.TB
	buf     bytes.Buffer
	w       *tar.Writer
	entries []map[string]any
}

func newSaved(t testing.TB) *saved {
	s := &saved{t: t}
	s.w = tar.NewWriter(&s.buf)
	return s
}

func (s *saved) file(name string, b []byte) string {
	s.t.Helper()
	if err := s.w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b))}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.w.Write(b); err != nil {
		s.t.Fatal(err)
	}
	return name
}

func (s *saved) config(platform string, diffIDs ...digest.Digest) string {
	s.t.Helper()
	p := parsePlatform(platform)
	raw, err := json.Marshal(map[string]any{
		"os": p.OS, "architecture": p.Architecture, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.file(digest.FromBytes(raw).Encoded()+".json", raw)
}

func (s *saved) entry(config string, tags, layers []string) {
	s.entries = append(s.entries, map[string]any{"Config": config, "RepoTags": tags, "Layers": layers})
}

func (s *saved) bytes() []byte {
	s.t.Helper()
	raw, err := json.Marshal(s.entries)
	if err != nil {
		s.t.Fatal(err)
	}
	s.file("manifest.json", raw)
	if err := s.w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.buf.Bytes()
}

func TestDockerArchiveLayers(t *testing.T) {
	layer := makeTar(t, "name", "content")
	id := digest.FromBytes(layer)
	zipped, zstandard := gzipped(t, layer), zstded(t, layer)
	for _, c := range []struct {
		name, layer, mediaType string
		body                   []byte
	}{
		{"old", "0123/layer.tar", "application/vnd.oci.image.layer.v1.tar", layer},
		{"new", "blobs/sha256/" + id.Encoded(), "application/vnd.oci.image.layer.v1.tar", layer},
		{"new gzip", "blobs/sha256/" + digest.FromBytes(zipped).Encoded(), "application/vnd.oci.image.layer.v1.tar+gzip", zipped},
		{"new zstd", "blobs/sha256/" + digest.FromBytes(zstandard).Encoded(), "application/vnd.oci.image.layer.v1.tar+zstd", zstandard},
		{"old gzip", "0123/layer.tar", "application/vnd.oci.image.layer.v1.tar+gzip", zipped},
		{"hex that is not its place", id.Encoded(), "application/vnd.oci.image.layer.v1.tar+gzip", zipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSaved(t)
			s.file(c.layer, c.body)
			s.entry(s.config("linux/arm64", id), []string{"x:1"}, []string{c.layer})
			raw := s.bytes()
			for suffix, b := range map[string][]byte{"": raw, ".gz": gzipped(t, raw), ".zst": zstded(t, raw)} {
				im := mustOpen(t, "docker-archive:"+tempFile(t, "x.tar"+suffix, b), source.Options{})
				check(t, im)
				if got := string(im.Manifest().Layers[0].MediaType); got != c.mediaType {
					t.Errorf("media type %s, want %s", got, c.mediaType)
				}
			}
		})
	}
	t.Run("shared and linked layers", func(t *testing.T) {
		s := newSaved(t)
		s.file("a/layer.tar", layer)
		if err := s.w.WriteHeader(&tar.Header{Name: "b/layer.tar", Linkname: "../a/layer.tar", Typeflag: tar.TypeSymlink}); err != nil {
			t.Fatal(err)
		}
		s.entry(s.config("linux/arm64", id, id, id), nil, []string{"a/layer.tar", "b/layer.tar", "a/layer.tar"})
		check(t, mustOpen(t, "docker-archive:"+tempFile(t, "x.tar", s.bytes()), source.Options{}))
	})
}

func TestDockerArchiveChoice(t *testing.T) {
	s := newSaved(t)
	layer := makeTar(t)
	id := digest.FromBytes(layer)
	s.file("l", layer)
	arm, s390 := s.config("linux/arm64", id), s.config("linux/s390x", id)
	s.entry(arm, []string{"a:1", "docker.io/library/a:2"}, []string{"l"})
	s.entry(s390, []string{"localhost/b:1"}, []string{"l"})
	s.entry(arm, []string{"both:1"}, []string{"l"})
	s.entry(s390, []string{"both:1"}, []string{"l"})
	path := tempFile(t, "x.tar", s.bytes())
	for _, c := range []struct{ ref, platform, want string }{
		{"a:1", "", arm},
		{"docker.io/library/a:1", "", arm},
		{"a:2", "", arm},
		{"localhost/b:1", "", s390},
		{"both:1", "linux/arm64", arm},
		{"both:1", "linux/s390x", s390},
		{"both", "", ""},
		{"a", "", ""},
		{"A:1", "", ""},
		{"b:1", "", ""},
		{"both:1", "linux/riscv64", ""},
		{"a:1", "linux/s390x", ""},
	} {
		o := source.Options{Platform: platform(t, c.platform), TempDir: in(t.TempDir())}
		im, err := source.Open(t.Context(), "docker-archive:"+path+":"+c.ref, o)
		if c.want == "" {
			if !errors.Is(err, source.ErrNotFound) && !errors.Is(err, source.ErrReference) {
				t.Errorf("%s for %s: error %v", c.ref, c.platform, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s for %s: %v", c.ref, c.platform, err)
			continue
		}
		if got := im.Manifest().Config.Digest.Hex + ".json"; got != c.want {
			t.Errorf("%s for %s: config %s, want %s", c.ref, c.platform, got, c.want)
		}
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	}
	_ = wantError(t, "docker-archive:"+path, source.Options{Platform: platform(t, "riscv64")}, source.ErrNotFound,
		"which of 4 images is meant: a:1, docker.io/library/a:2, localhost/b:1, both:1, both:1")
	_ = wantError(t, "docker-archive:"+path+":none:1", source.Options{}, source.ErrNotFound, `no image "none:1" in the archive: there is a:1`)
}

func TestRefusesDockerArchives(t *testing.T) {
	layer := makeTar(t, "name", "content")
	id := digest.FromBytes(layer)
	for _, c := range []struct {
		name, text string
		kind       error
		build      func(s *saved)
	}{
		{"no layer", "is missing in the archive", source.ErrNotFound, func(s *saved) {
			s.entry(s.config("linux/arm64", id), nil, []string{"l"})
		}},
		{"no config", "read config", source.ErrNotFound, func(s *saved) {
			s.entry("nothing.json", nil, []string{s.file("l", layer)})
		}},
		{"layer outside", "no name of a member", source.ErrInvalid, func(s *saved) {
			s.entry(s.config("linux/arm64", id), nil, []string{"../../etc/passwd"})
		}},
		{"config outside", "no name of a member", source.ErrInvalid, func(s *saved) {
			s.entry("../../etc/passwd", nil, nil)
		}},
		{"fewer layers", "1 layers for the image and its config 2", source.ErrInvalid, func(s *saved) {
			s.entry(s.config("linux/arm64", id, id), nil, []string{s.file("l", layer)})
		}},
		{"xz layer", "neither gzip nor zstd", source.ErrInvalid, func(s *saved) {
			s.entry(s.config("linux/arm64", id), nil, []string{s.file("l", []byte("\xfd7zXZ\x00 and more"))})
		}},
		{"no image", "holds no image", source.ErrNotFound, func(s *saved) { s.entries = []map[string]any{} }},
		{"too many images", "a list of more than", source.ErrInvalid, func(s *saved) {
			s.entries = make([]map[string]any, 20_000)
		}},
		{"manifest.json is no list", "parse manifest.json", source.ErrInvalid, func(s *saved) {
			s.entries = []map[string]any{{"Layers": "x"}}
		}},
		{"second manifest.json counts", "not JSON", source.ErrInvalid, func(s *saved) {
			s.entries = nil
			raw := s.bytes()
			s.buf.Reset()
			s.w = tar.NewWriter(&s.buf)
			s.file("manifest.json", raw)
			s.file("manifest.json", []byte("{"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSaved(t)
			c.build(s)
			var raw []byte
			if c.name == "second manifest.json counts" {
				if err := s.w.Close(); err != nil {
					t.Fatal(err)
				}
				raw = s.buf.Bytes()
			} else {
				raw = s.bytes()
			}
			_ = wantError(t, "docker-archive:"+tempFile(t, "x.tar", raw), source.Options{}, c.kind, c.text)
		})
	}
}

func TestArchivesOfTheOtherKind(t *testing.T) {
	oci := tempFile(t, "oci.tar", makeTar(t, "oci-layout", "{}", "index.json", "{}"))
	err := wantError(t, "docker-archive:"+oci, source.Options{}, source.ErrInvalid, "OCI image layout")
	if hint.Of(err) != "use oci-archive:"+oci {
		t.Errorf("hint %q", hint.Of(err))
	}
	docker := tempFile(t, "docker.tar", makeTar(t, "manifest.json", "[]"))
	err = wantError(t, "oci-archive:"+docker, source.Options{}, source.ErrInvalid, "docker save")
	if hint.Of(err) != "use docker-archive:"+docker {
		t.Errorf("hint %q", hint.Of(err))
	}
	other := tempFile(t, "other.tar", makeTar(t, "etc/passwd", "x"))
	_ = wantError(t, "docker-archive:"+other, source.Options{}, source.ErrNotFound, `"manifest.json" is missing`)
	_ = wantError(t, "oci-archive:"+other, source.Options{}, source.ErrNotFound, `"oci-layout" is missing`)
	dir := t.TempDir()
	err = wantError(t, "docker-archive:"+dir, source.Options{}, source.ErrReference, "is a directory")
	if hint.Of(err) != "for an OCI image layout, use oci:"+dir {
		t.Errorf("hint %q", hint.Of(err))
	}
	_ = wantError(t, "docker-archive:"+dir+"/none:x:1", source.Options{}, source.ErrNotFound, dir+`/none"`)
	_ = wantError(t, "docker-archive:/dev/null", source.Options{}, source.ErrInvalid, "neither a file nor a pipe")
	cut := gzipped(t, makeTar(t, "manifest.json", "[]"))
	_ = wantError(t, "docker-archive:"+tempFile(t, "x", cut[:len(cut)-9]), source.Options{}, source.ErrInvalid, "decompress archive")
}

func TestFifoEndsWithContext(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	quit := errors.New("the user has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(quit) })
	for _, scheme := range []string{"docker-archive:", "oci-archive:"} {
		if _, err := source.Open(ctx, scheme+fifo, source.Options{}); !errors.Is(err, quit) {
			t.Errorf("%s: error %v, want the cause of the context", scheme, err)
		}
	}
	// Lets those go that still wait for a writer.
	w, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
}

func TestArchiveFromPipe(t *testing.T) {
	s := newSaved(t)
	layer := makeTar(t, "name", "content")
	s.entry(s.config("linux/arm64", digest.FromBytes(layer)), nil, []string{s.file("l", layer)})
	raw := s.bytes()
	for name, b := range map[string][]byte{"plain": raw, "gzip": gzipped(t, raw)} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			go func() {
				_, _ = w.Write(b)
				_ = w.Close()
			}()
			check(t, mustOpen(t, fmt.Sprintf("docker-archive:/dev/fd/%d", r.Fd()), source.Options{}))
		})
	}
}

// The manifest of an archive is part of what is cached: its bytes may not
// change from one version to the next.
func TestDockerArchiveManifestIsFixed(t *testing.T) {
	im := mustOpen(t, "docker-archive:"+alpineArchive(t), source.Options{})
	const want = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",` +
		`"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":1509,"digest":"` + alpineConfig + `"},` +
		`"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":5861888,"digest":"` + alpineDiffID + `"}]}`
	if got := string(im.Manifest().Raw); got != want {
		t.Errorf("manifest is\n%s\nwant\n%s", got, want)
	}
	if got := im.Manifest().Platform.String(); got != "linux/amd64" {
		t.Errorf("platform %s", got)
	}
}

// A compressed archive leaves nothing in the temporary directory, even while
// it is open.
func TestSpoolHasNoName(t *testing.T) {
	dir := t.TempDir()
	im := mustOpen(t, "docker-archive:"+alpineArchive(t), source.Options{TempDir: in(dir)})
	if left, err := filepath.Glob(dir + "/*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	r, err := im.OpenLayer(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); err != nil || n != 5861888 {
		t.Errorf("%d bytes, %v", n, err)
	}
	_ = wantError(t, "docker-archive:"+alpineArchive(t), source.Options{TempDir: in(dir), Platform: platform(t, "arm64")},
		source.ErrNotFound, "only one for linux/amd64")
	if _, err := source.Open(t.Context(), "docker-archive:"+alpineArchive(t), source.Options{TempDir: in(dir + "/none")}); !errors.Is(err, source.ErrTemporary) ||
		!errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
