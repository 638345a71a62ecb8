package source_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/internal/need"
)

// layoutDir is an OCI layout under construction.
type layoutDir struct {
	t       testing.TB
	dir     string
	entries []v1.Descriptor
}

func newLayout(t testing.TB) *layoutDir {
	t.Helper()
	l := &layoutDir{t: t, dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(l.dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.write("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return l
}

func (l *layoutDir) write(name string, b []byte) {
	l.t.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), b, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func (l *layoutDir) path(d v1.Descriptor) string {
	return filepath.Join(l.dir, "blobs/sha256", d.Digest.Hex)
}

func (l *layoutDir) blob(mediaType types.MediaType, raw []byte) v1.Descriptor {
	l.t.Helper()
	h, err := v1.NewHash(digest.FromBytes(raw).String())
	if err != nil {
		l.t.Fatal(err)
	}
	d := v1.Descriptor{MediaType: mediaType, Size: int64(len(raw)), Digest: h}
	if err := os.WriteFile(l.path(d), raw, 0o644); err != nil {
		l.t.Fatal(err)
	}
	return d
}

func (l *layoutDir) json(mediaType types.MediaType, v any) v1.Descriptor {
	l.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.blob(mediaType, raw)
}

// manifest writes an image manifest; edit may spoil it first.
func (l *layoutDir) manifest(platform string, edit func(m, c map[string]any)) v1.Descriptor {
	l.t.Helper()
	layer := l.blob(types.OCIUncompressedLayer, makeTar(l.t, "from", platform))
	c := map[string]any{
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest.String()}},
	}
	p := parsePlatform(platform)
	if p != nil {
		c["os"], c["architecture"], c["variant"] = p.OS, p.Architecture, p.Variant
	}
	m := map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "layers": []v1.Descriptor{layer}}
	if edit != nil {
		edit(m, c)
	}
	if m["config"] == nil {
		m["config"] = l.json(types.OCIConfigJSON, c)
	}
	d := l.json(types.OCIManifestSchema1, m)
	d.Platform = p
	return d
}

func (l *layoutDir) image(platform string) v1.Descriptor { return l.manifest(platform, nil) }

func (l *layoutDir) index(entries ...v1.Descriptor) v1.Descriptor {
	l.t.Helper()
	return l.json(types.OCIImageIndex, map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIImageIndex, "manifests": entries,
	})
}

// tag adds an entry to index.json, and returns the reference to it.
func (l *layoutDir) tag(d v1.Descriptor, name string) string {
	l.t.Helper()
	if name != "" {
		d.Annotations = map[string]string{"org.opencontainers.image.ref.name": name}
	}
	l.entries = append(l.entries, d)
	raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": l.entries})
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("index.json", raw)
	if name == "" {
		return "oci:" + l.dir
	}
	return "oci:" + l.dir + ":" + name
}

func parsePlatform(s string) *v1.Platform {
	p := &v1.Platform{}
	n, _ := fmt.Sscanf(s, "%s", &p.OS)
	if n == 0 {
		return nil
	}
	parts := bytes.Split([]byte(s), []byte("/"))
	p.OS, p.Architecture = string(parts[0]), string(parts[1])
	if len(parts) > 2 {
		p.Variant = string(parts[2])
	}
	return p
}

// makeTar makes a tar of the files given as name, content, name, content …
func makeTar(t testing.TB, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// alpineArchive is the real image that the tests of every form share.
func alpineArchive(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../../shared/images/alpine-3.11-docker-archive.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	return need.File(t, path, "the alpine image beside the checkout")
}

const (
	alpineConfig = "sha256:a187dde48cd289ac374ad8539930628314bc581a481cdb41409c9289419ddb72"
	alpineDiffID = "sha256:beee9f30bc1f711043e78d4a2be0668955d4b761d587d6f60c2c8dc081efb203"
)

// in returns an Options.TempDir.
func in(dir string) func() (string, error) {
	return func() (string, error) { return dir, nil }
}

// mustOpen opens ref and closes it with the test.
func mustOpen(t testing.TB, ref string, o source.Options) source.Image {
	t.Helper()
	if o.TempDir == nil {
		o.TempDir = in(t.TempDir())
	}
	im, err := source.Open(t.Context(), ref, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	})
	return im
}

// check reads every layer of im and holds everything against its digest. It
// returns the diffIDs.
func check(t testing.TB, im source.Image) []digest.Digest {
	t.Helper()
	m := im.Manifest()
	if got := digest.FromBytes(m.Raw); got != m.Digest {
		t.Errorf("%s: manifest %s has digest %s", im.Name(), m.Digest, got)
	}
	c, err := im.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := digest.FromBytes(c); got.String() != m.Config.Digest.String() || int64(len(c)) != m.Config.Size {
		t.Errorf("%s: config %s has digest %s", im.Name(), m.Config.Digest, got)
	}
	ids, err := source.DiffIDs(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(ids) != len(m.Layers) {
		t.Fatalf("%s: %d diffIDs and %d layers", im.Name(), len(ids), len(m.Layers))
	}
	for i, l := range m.Layers {
		raw := readLayer(t, im, i)
		if got := digest.FromBytes(raw); got.String() != l.Digest.String() || int64(len(raw)) != l.Size {
			t.Errorf("%s: layer %d: %d bytes of digest %s, want %d of %s", im.Name(), i, len(raw), got, l.Size, l.Digest)
		}
		if got := digest.FromBytes(plain(t, raw)); got != ids[i] {
			t.Errorf("%s: layer %d: diffID %s, want %s", im.Name(), i, got, ids[i])
		}
	}
	return ids
}

func readLayer(t testing.TB, im source.Image, i int) []byte {
	t.Helper()
	r, err := im.OpenLayer(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return raw
}

func plain(t testing.TB, raw []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(bytes.NewReader(raw))
	case bytes.HasPrefix(raw, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err = zstd.NewReader(bytes.NewReader(raw))
	default:
		return raw
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tempFile writes b to a file of that name in a new directory.
func tempFile(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
