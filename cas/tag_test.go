package cas

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"banger/internal/need"
)

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func descriptor(text string) Descriptor {
	return Descriptor{MediaType: manifestType, Digest: digest.FromString(text), Size: int64(len(text))}
}

// indexEntries returns the manifests of index.json.
func indexEntries(t *testing.T, s *Store) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(s.path("index.json"))
	must(t, err)
	var x struct {
		SchemaVersion int
		Manifests     []map[string]any
	}
	must(t, json.Unmarshal(b, &x))
	if x.SchemaVersion != 2 {
		t.Errorf("schema version %d", x.SchemaVersion)
	}
	return x.Manifests
}

func TestTag(t *testing.T) {
	s := openTest(t, t.TempDir())
	if _, err := s.Tagged("a:1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	one, two := descriptor("one"), descriptor("two")
	one.Platform = json.RawMessage(`{"architecture":"amd64","os":"linux"}`)
	for _, step := range []struct {
		desc    Descriptor
		name    string
		entries int
	}{
		{one, "a:1", 1},
		{one, "a:1", 1},
		{one, "b:1", 2},
		{two, "a:1", 2},
		{two, "b:1", 3}, // one stays, without a name
		{one, "a:1", 2}, // and has one again
	} {
		must(t, s.Tag(t.Context(), step.desc, step.name))
		got, err := s.Tagged(step.name)
		if err != nil || got.Digest != step.desc.Digest || got.Size != step.desc.Size || string(got.Platform) != string(step.desc.Platform) {
			t.Errorf("%s: %+v, %v", step.name, got, err)
		}
		if n := len(indexEntries(t, s)); n != step.entries {
			t.Errorf("after %s %s: %d entries, want %d: %v", step.desc.Digest, step.name, n, step.entries, indexEntries(t, s))
		}
	}
	for name, bad := range map[string]Descriptor{
		"": one, "x": {}, "y": {MediaType: "x", Digest: "sha256:..", Size: 1}, "z": {MediaType: "x", Digest: one.Digest, Size: -1},
	} {
		if err := s.Tag(t.Context(), bad, name); err == nil {
			t.Errorf("tagged %+v as %q", bad, name)
		}
	}
}

func TestTagByMany(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		s := openTest(t, dir)
		all.Go(func() {
			for j := range 5 {
				if err := s.Tag(context.Background(), descriptor(fmt.Sprint(i)), fmt.Sprint(i, "-", j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := len(indexEntries(t, openTest(t, dir))); n != 40 {
		t.Errorf("%d entries", n)
	}
}

func TestTagKeepsForeignIndex(t *testing.T) {
	s := openTest(t, t.TempDir())
	foreign := `{"schemaVersion": 2, "annotations": {"k": "v"}, "x": 1e400, "manifests": [
		{"mediaType": "m/n", "digest": "sha512:ab", "size": 7, "artifactType": "t", "Digest": "odd",
		 "annotations": {"org.opencontainers.image.ref.name": "mine", "other": "kept"}, "platform": {"os.version": "9"}}]}`
	must(t, os.WriteFile(s.path("index.json"), []byte(foreign), 0o644))
	must(t, s.Tag(t.Context(), descriptor("one"), "new"))
	must(t, s.Tag(t.Context(), descriptor("one"), "mine"))
	b, err := os.ReadFile(s.path("index.json"))
	must(t, err)
	for _, want := range []string{
		`"annotations":{"k":"v"}`, `"x":1e400`, `"artifactType":"t"`, `"annotations":{"other":"kept"}`,
		`"digest":"sha512:ab"`, `"os.version":"9"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	if info, err := os.Stat(s.path("index.json")); err != nil || info.Mode().Perm()&0o200 == 0 {
		t.Errorf("%v, %v: other programs cannot write it", info.Mode(), err)
	}
}

func TestDamagedIndex(t *testing.T) {
	for _, b := range []string{"", "null", "[]", "{}", `{"schemaVersion":1,"manifests":[]}`, `{"schemaVersion":2,"manifests":[null]}`, emptyIndex + "x", emptyIndex[:20]} {
		s := openTest(t, t.TempDir())
		must(t, os.WriteFile(s.path("index.json"), []byte(b), 0o644))
		if _, err := s.Tagged("x"); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: %v", b, err)
		}
		must(t, s.Tag(t.Context(), descriptor("one"), "x"))
		if _, err := s.Tagged("x"); err != nil {
			t.Error(err)
		}
		if len(quarantined(t, s)) != 2 {
			t.Errorf("%q: quarantine holds %q", b, quarantined(t, s))
		}
	}
}

// TestSomethingElseAsIndex has the name of index.json be that of what is no file
// to be read, and expects the same as of a damaged one.
func TestSomethingElseAsIndex(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"directory": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o755), os.WriteFile(filepath.Join(path, "x"), nil, 0o644))
		},
		"fifo":            func(path string) error { return unix.Mkfifo(path, 0o644) },
		"symlink":         func(path string) error { return os.Symlink("/etc/hostname", path) },
		"symlink nowhere": func(path string) error { return os.Symlink("nowhere", path) },
		"far too large": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, maxOCIIndex+1))
		},
		"directory, empty": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, t.TempDir())
			must(t, errors.Join(os.Remove(s.path("index.json")), put(s.path("index.json"))))
			if _, err := s.Tagged("x"); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrCorrupt) {
				t.Error(err)
			}
			if names := s.Names(); names != nil {
				t.Errorf("names %q", names)
			}
			must(t, s.Tag(t.Context(), descriptor("one"), "x"))
			if got, err := s.Tagged("x"); err != nil || got.Digest != descriptor("one").Digest {
				t.Errorf("%+v, %v", got, err)
			}
			if len(quarantined(t, s)) != 2 {
				t.Errorf("quarantine holds %q", quarantined(t, s))
			}
		})
	}
}

func FuzzTag(f *testing.F) {
	f.Add([]byte(emptyIndex), "name")
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"`+digest.FromString("one")+`","annotations":null}]}`), "")
	f.Add([]byte(`{"schemaVersion":2,"Manifests":[{"Digest":"x"}]}`), "a")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		x, err := parseOCIIndex(b)
		if err != nil {
			return
		}
		desc := descriptor("one")
		if err := x.tag(desc, name); err != nil {
			if utf8.ValidString(name) {
				t.Fatal(err)
			}
			return
		}
		encoded, err := x.encode()
		must(t, err)
		again, err := parseOCIIndex(encoded)
		if err != nil {
			t.Fatalf("%s became %s: %v", b, encoded, err)
		}
		if got, ok := again.find(name); name != "" && (!ok || !got.equal(desc)) {
			t.Fatalf("%q is %+v in %s", name, got, encoded)
		}
	})
}

// TestSkopeoReadsTheStore has skopeo inspect and copy an image out of a store
// that holds other things too.
func TestSkopeoReadsTheStore(t *testing.T) {
	skopeo := need.Tool(t, "skopeo", "skopeo")
	s := openTest(t, filepath.Join(t.TempDir(), "store"))
	putImage(t, s, "artifact")
	putAction(t, s, "q")
	must(t, putLayer(t, s, digest.FromString("tar"), "i", "p"))

	layer := make([]byte, 1024) // an empty tar
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}`, digest.FromBytes(layer))
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"%s",
		"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},
		"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}`,
		manifestType, putText(t, s, config), len(config), putText(t, s, string(layer)), len(layer))
	d := putText(t, s, manifest)
	const name = "docker.io/library/empty:1.0"
	must(t, s.Tag(t.Context(), Descriptor{MediaType: manifestType, Digest: d, Size: int64(len(manifest))}, name))

	run := func(args ...string) string {
		t.Helper()
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), skopeo, args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, &stderr)
		}
		return string(out)
	}
	if out := run("inspect", "oci:"+s.dir+":"+name); !strings.Contains(out, string(d)) {
		t.Errorf("skopeo says %s", out)
	}
	same := filepath.Join(t.TempDir(), "same")
	run("copy", "--preserve-digests", "--insecure-policy", "oci:"+s.dir+":"+name, "oci:"+same+":x")
	if _, err := os.Stat(filepath.Join(same, "blobs", "sha256", d.Encoded())); err != nil {
		t.Error(err)
	}
	// Skopeo may write to the store, too. Left to itself it compresses the
	// layer, so this is another image.
	other := filepath.Join(t.TempDir(), "other")
	run("copy", "--insecure-policy", "oci:"+s.dir+":"+name, "oci:"+other+":x")
	run("copy", "--insecure-policy", "oci:"+other+":x", "oci:"+s.dir+":by-skopeo")
	byOther, err := s.Tagged("by-skopeo")
	if err != nil || byOther.Digest == d {
		t.Errorf("%+v, %v", byOther, err)
	}
	if _, err := s.ReadBlob(byOther.Digest, byOther.Size); err != nil {
		t.Error(err)
	}
	if got, err := s.Tagged(name); err != nil || got.Digest != d {
		t.Errorf("%+v, %v", got, err)
	}
}
