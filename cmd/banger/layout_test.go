package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"banger/internal/bangertest"
	"banger/internal/need"
	"banger/internal/registrytest"
)

// TestOtherToolsReadTheStore pulls several images, by tag and by digest, from
// a directory, an archive and a registry, and builds one: skopeo inspects and
// copies each by its name in the store, umoci lists them, and crane's reader of
// layouts finds them whole.
func TestOtherToolsReadTheStore(t *testing.T) {
	bin, skopeo, umoci := bangertest.Binary(t), need.Tool(t, "skopeo", "skopeo"), need.Tool(t, "umoci", "umoci")
	dir := t.TempDir()
	store, host := filepath.Join(dir, "store"), registrytest.Start(t, registrytest.Config{})
	digests := map[string]string{}
	for _, kind := range []string{"good", "other", "mixed"} {
		layout := filepath.Join(dir, "some images", kind)
		if err := writeImage(layout, kind); err != nil {
			t.Fatal(err)
		}
		out := command(t, skopeo, "inspect", "oci:"+layout)
		digests[kind] = field(t, out, "Digest")
	}
	good := filepath.Join(dir, "some images", "good")
	command(t, skopeo, "copy", "--insecure-policy", "--preserve-digests", "--dest-tls-verify=false", "oci:"+filepath.Join(dir, "some images", "other"), "docker://"+host+"/some/other:1.0")
	writeArchive(t, filepath.Join(dir, "some images", "mixed"), filepath.Join(dir, "mixed.tar.gz"))

	slug := strings.TrimPrefix(dir, "/")
	want := map[string]string{
		"oci/" + slug + "/some-images/good:latest":             digests["good"],
		"oci/" + slug + "/some-images/good@" + digests["good"]: digests["good"],
		host + "/some/other:1.0":                               digests["other"],
		host + "/some/other@" + digests["other"]:               digests["other"],
		"oci-archive/" + slug + "/mixed.tar.gz":                digests["mixed"],
	}
	for _, ref := range []string{
		"oci:" + good + ":latest", "oci:" + good + "@" + digests["good"],
		host + "/some/other:1.0", host + "/some/other@" + digests["other"], "oci-archive:" + filepath.Join(dir, "mixed.tar.gz"),
	} {
		command(t, bin, "pull", "--store", store, ref)
	}
	if code, stderr := runBanger(t, bin, "build", "--store", store, "oci:"+good); code != exitOK {
		t.Fatal(stderr)
	}

	listed := strings.Fields(command(t, umoci, "ls", "--layout", store))
	if len(listed) != len(want) {
		t.Errorf("umoci lists %q, want %d names", listed, len(want))
	}
	for name, digest := range want {
		if got := field(t, command(t, skopeo, "inspect", "oci:"+store+":"+name), "Digest"); got != digest {
			t.Errorf("skopeo inspect %s: %s, want %s", name, got, digest)
		}
		to := t.TempDir()
		command(t, skopeo, "copy", "--insecure-policy", "--preserve-digests", "oci:"+store+":"+name, "dir:"+to)
		if b, err := os.ReadFile(filepath.Join(to, "manifest.json")); err != nil || !strings.Contains(string(b), "layers") {
			t.Errorf("skopeo copied %s: %v", name, err)
		}
	}
	checkLayout(t, store, want)
}

// checkLayout reads the store as crane does, every layer to its last byte.
func checkLayout(t *testing.T, store string, want map[string]string) {
	t.Helper()
	path, err := layout.FromPath(store)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, d := range m.Manifests {
		found[d.Annotations["org.opencontainers.image.ref.name"]] = d.Digest.String()
		im, err := index.Image(d.Digest)
		if err == nil {
			err = readLayers(im)
		}
		if err != nil {
			t.Errorf("image %s: %v", d.Digest, err)
		}
	}
	for name, digest := range want {
		if found[name] != digest {
			t.Errorf("%s is %q, want %s; there is %v", name, found[name], digest, found)
		}
	}
}

// readLayers holds each layer against its digest and its diffID.
func readLayers(im v1.Image) error {
	layers, err := im.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		d, digestErr := l.Digest()
		diff, diffErr := l.DiffID()
		blob, blobErr := l.Compressed()
		plain, plainErr := l.Uncompressed()
		if err := errors.Join(digestErr, diffErr, blobErr, plainErr); err != nil {
			return err
		}
		for want, r := range map[v1.Hash]io.ReadCloser{d: blob, diff: plain} {
			got, _, err := v1.SHA256(r)
			if err := errors.Join(err, r.Close()); err != nil || got != want {
				return fmt.Errorf("layer %s is %s, %w", want, got, err)
			}
		}
	}
	return nil
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, &stderr)
	}
	return string(out)
}

func field(t *testing.T, object, name string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatal(err)
	}
	s, _ := fields[name].(string)
	return s
}
