package core

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"banger/core/source"
)

// serve runs a registry with the image under the names, until stop.
func serve(t *testing.T, im Image, names ...string) (host string, stop func()) {
	t.Helper()
	srv := httptest.NewServer(registry.New())
	t.Cleanup(srv.Close)
	host = strings.TrimPrefix(srv.URL, "http://")
	index, err := ocilayout.ImageIndexFromPath(strings.TrimPrefix(im.Ref, "oci:"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		ref, err := name.ParseReference(host + "/" + n)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image); err != nil {
			t.Fatal(err)
		}
	}
	return host, srv.Close
}

// TestExplainOffline asks about images of a registry that is gone: one that
// was pulled, one that was only built, and one that nobody knows.
func TestExplainOffline(t *testing.T) {
	e, _ := withFakes(t)
	host, stop := serve(t, twoLayers(t), "pulled:1", "built:1")
	ask := func(name string) BuildOptions {
		return BuildOptions{Image: Image{Ref: host + "/" + name, Platform: ""}, Builder: "tree"}
	}
	pulled, err := e.Pull(t.Context(), ask("pulled:1").Image)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Build(t.Context(), ask("built:1")); err != nil {
		t.Fatal(err)
	}
	stop()
	for _, name := range []string{"pulled:1", "built:1"} {
		x, err := e.Explain(t.Context(), ask(name))
		if err != nil || !x.Offline || !x.Hit || x.Manifest != pulled.Manifest || x.Ref != host+"/"+name {
			t.Errorf("%s: %+v, %v", name, x, err)
		}
	}
	if _, err := e.Explain(t.Context(), ask("unknown:1")); !errors.Is(err, source.ErrNetwork) {
		t.Errorf("%v", err)
	}
}
