package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	tt "banger/internal/tartest"
)

// images makes the OCI layouts and what is built of them, and has the registry
// serve them.
func (p *failurePlace) images(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"good", "other", "large", "bigdevice", "flipped", "truncated", "wrong-diffid", "climbing", "dotdot", "bare-whiteout", "dangling", "cyclic", "loop", "bomb"} {
		if err := writeImage(filepath.Join(p.dir, strings.Replace(kind, "good", "img", 1)), kind); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeImage(filepath.Join(p.dir, "holed"), "good"); err != nil {
		t.Fatal(err)
	}
	p.remove(t, "holed/blobs/sha256/*", notJSON)
	p.registry.Add("app", filepath.Join(p.dir, "img"))
	p.registry.Add("holed", filepath.Join(p.dir, "holed"))
	for name, manifest := range oddManifests {
		oddLayout(t, filepath.Join(p.dir, "odd", name), manifest)
		p.registry.Add(name, filepath.Join(p.dir, "odd", name))
	}
	for _, args := range [][]string{
		{"build", "--store", "first", "oci:img", "-o", "img.ext4"},
		{"build", "--store", "damaged", "oci:img"},
		{"pull", "--store", "lacking", p.registry.Host() + "/app:latest"},
		{"pull", "--store", "unconfigured", p.registry.Host() + "/app:latest"},
		{"builders", "lock", "--builders-lock", "empty.lock"},
	} {
		cmd := exec.CommandContext(t.Context(), p.bin, append(args, "--progress", "none")...)
		cmd.Dir = p.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("banger %s: %v\n%s", args, err, out)
		}
	}
	p.spoil(t)
}

// spoil changes the artifact in one store, and removes the layers from another
// and the config from a third; and it makes as if a filesystem were mounted.
func (p *failurePlace) spoil(t *testing.T) {
	t.Helper()
	images, err := filepath.Glob(filepath.Join(p.dir, "damaged/artifacts/sha256/*/image"))
	if err != nil || len(images) != 1 {
		t.Fatalf("artifacts: %q, %v", images, err)
	}
	must(t, os.Chmod(images[0], 0o600), os.WriteFile(images[0], []byte("damage"), 0o600))
	p.remove(t, "lacking/blobs/sha256/*", notJSON)
	p.remove(t, "lacking/layers/sha256/*/*", nil)
	p.remove(t, "unconfigured/blobs/sha256/*", func(b []byte) bool { return strings.Contains(string(b), `"rootfs"`) })
	image, err := os.ReadFile(filepath.Join(p.dir, "img.ext4"))
	must(t, err)
	image[1024+0x60] |= 4 // EXT4_FEATURE_INCOMPAT_RECOVER
	must(t, os.WriteFile(filepath.Join(p.dir, "journal.ext4"), image, 0o644))
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// files makes the small files, and the builders.
func (p *failurePlace) files(t *testing.T) {
	t.Helper()
	const script = "#!/bin/sh\n"
	for name, content := range map[string]string{
		"baddocker/config.json": "no JSON",
		"typo.toml":             "bilder = \"e2fs\"\n", "future/VERSION": "banger store 9\n",
		"other.json":         `{"auths": {"` + p.registry.Host() + `": {"auth": "` + "b3RoZXI6b3RoZXI=" + `"}}}`,
		"schema7/oci-layout": `{"imageLayoutVersion":"1.0.0"}`, "schema7/index.json": `{"schemaVersion":7,"manifests":[]}`,
		"plugins/banger-builder-broken":  script + "exit 3\n",
		"plugins/banger-builder-data":    "\x00",
		"plugins/banger-builder-plain":   script,
		"plugins/banger-builder-open":    script,
		"plugins/banger-builder-foreign": foreignProgram(),
		"plugins/banger-builder-script":  "#!/no/such/shell\n",
		"plugins/banger-builder-chatty":  script + "echo hello\nexec sleep 60\n",
		"plugins/banger-builder-future":  script + "echo '1|99|unix|/none|grpc|'\nexec sleep 60\n",
	} {
		path := filepath.Join(p.dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o755))
	}
	plugins := filepath.Join(p.dir, "plugins", "banger-builder-")
	must(t,
		os.Chmod(plugins+"plain", 0o644), os.Chmod(plugins+"open", 0o777),
		os.Mkdir(plugins+"folder", 0o755), os.Symlink("nowhere", plugins+"lost"),
	)
	for name, tar := range map[string][]byte{
		"img.tar":      tt.Join(tt.File("oci-layout", "{}"), tt.File("index.json", "{}")),
		"docker.tar":   tt.Join(tt.File("manifest.json", "[]")),
		"nonsense.tar": tt.Join(tt.File("manifest.json", "nonsense")),
		"circle.tar":   tt.Join(tt.Symlink("manifest.json", "manifest.json")),
	} {
		must(t, os.WriteFile(filepath.Join(p.dir, name), tar, 0o644))
	}
}

// foreignProgram is the beginning of a program for a machine that this is not:
// an ELF header (elf(5)) of 64 bits, little-endian.
func foreignProgram() string {
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS], head[elf.EI_DATA], head[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	head[16], head[18], head[20], head[52] = byte(elf.ET_EXEC), byte(elf.EM_ALPHA&0xff), byte(elf.EV_CURRENT), 64
	head[19] = byte(elf.EM_ALPHA >> 8)
	return string(head)
}

func notJSON(b []byte) bool { return !strings.HasPrefix(string(b), "{") }

// remove removes the files that match a pattern and are wanted; nil is all.
func (p *failurePlace) remove(t *testing.T, pattern string, wanted func([]byte) bool) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(p.dir, pattern))
	must(t, err)
	removed := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		must(t, err)
		if wanted == nil || wanted(b) {
			must(t, os.Remove(path))
			removed++
		}
	}
	if removed == 0 {
		t.Fatalf("%s matches nothing to remove", pattern)
	}
}

// oddManifests are no images that can be unpacked.
var oddManifests = map[string]map[string]any{
	"index":      {"schemaVersion": 2, "manifests": []any{amd64Image}},
	"hollow":     {"schemaVersion": 2, "manifests": []any{}},
	"chart":      {"schemaVersion": 2, "config": descriptorOf("application/vnd.cncf.helm.config.v1+json", emptyConfig), "layers": []any{}},
	"nested":     {"schemaVersion": 2, "manifests": []any{nestedIndex}},
	"undigested": {"schemaVersion": 2, "manifests": []any{amended(amd64Image, "digest", "sha512:"+strings.Repeat("0", 128))}},
	"huge":       {"schemaVersion": 2, "manifests": []any{amended(amd64Image, "size", 1<<40)}},
	"schema1":    {"schemaVersion": 1, "fsLayers": []any{}},
	"schema3":    {"schemaVersion": 3, "layers": []any{}},
	"both":       {"schemaVersion": 2, "layers": []any{}, "manifests": []any{}},
	"bare":       {"schemaVersion": 2, "layers": []any{}},
	"encrypted":  oneLayer("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
	"foreign":    oneLayer("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
	"uneven":     oneLayer("application/vnd.oci.image.layer.v1.tar+gzip"),
}

// The blobs of the odd images: nothing, and an index of nothing.
const (
	emptyConfig = "{}"
	emptyIndex  = `{"schemaVersion":2,"manifests":[]}`
)

func descriptorOf(mediaType, blob string) map[string]any {
	return map[string]any{"mediaType": mediaType, "size": len(blob), "digest": digest.FromString(blob)}
}

// amended is a descriptor with another value for a key.
func amended(d map[string]any, key string, value any) map[string]any {
	d = maps.Clone(d)
	d[key] = value
	return d
}

// What an index may list for the platform that is asked for.
var (
	amd64       = map[string]string{"os": "linux", "architecture": "amd64"}
	amd64Image  = amended(descriptorOf("application/vnd.oci.image.manifest.v1+json", emptyConfig), "platform", amd64)
	nestedIndex = amended(descriptorOf("", emptyIndex), "platform", amd64)
)

func oneLayer(mediaType string) map[string]any {
	return map[string]any{
		"schemaVersion": 2, "config": descriptorOf("application/vnd.oci.image.config.v1+json", emptyConfig),
		"layers": []any{descriptorOf(mediaType, emptyConfig)},
	}
}

// oddLayout writes an OCI layout with one document, tagged "latest".
func oddLayout(t *testing.T, dir string, document map[string]any) {
	t.Helper()
	raw, err := json.Marshal(document)
	must(t, err)
	d := digest.FromBytes(raw)
	index := fmt.Sprintf(`{"schemaVersion": 2, "manifests": [{"digest": %q, "size": %d, "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}`, d, len(raw))
	blobs := filepath.Join(dir, "blobs", "sha256")
	must(t,
		os.MkdirAll(blobs, 0o755),
		os.WriteFile(filepath.Join(blobs, d.Encoded()), raw, 0o644),
		os.WriteFile(filepath.Join(blobs, digest.FromString(emptyConfig).Encoded()), []byte(emptyConfig), 0o644),
		os.WriteFile(filepath.Join(blobs, digest.FromString(emptyIndex).Encoded()), []byte(emptyIndex), 0o644),
		os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644),
	)
}

// untrusted starts a server with a certificate that no authority knows, for
// 127.0.0.1 and some others, and returns its address.
func untrusted(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "https://")
}
