package core

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"banger/cas"
	"banger/core/host"
	"banger/internal/filetest"
)

// noLayers is a transport that carries nothing but manifests and configs.
type noLayers struct {
	layers   map[string]bool // digests
	requests atomic.Int64
}

func (n *noLayers) RoundTrip(r *http.Request) (*http.Response, error) {
	n.requests.Add(1)
	if n.layers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]] {
		return nil, errors.New("refused: this is a layer")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// push puts a layout's image into a registry of this process.
func push(t *testing.T, im Image) Image {
	t.Helper()
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	dir := strings.TrimPrefix(im.Ref, "oci:")
	index, err := ocilayout.ImageIndexFromPath(dir)
	must(t, err)
	list, err := index.IndexManifest()
	must(t, err)
	image, err := index.Image(list.Manifests[0].Digest)
	must(t, err)
	ref, err := name.NewTag(strings.TrimPrefix(srv.URL, "http://") + "/img:latest")
	must(t, err)
	must(t, remote.Write(ref, image, remote.WithContext(t.Context())))
	im.Ref = ref.String()
	return im
}

// looking is an engine that may only look at the store of e.
func looking(t *testing.T, e *Engine) *Engine {
	t.Helper()
	s, err := cas.View(t.Context(), e.Store.Dir())
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	c := e.Config
	c.Store, c.Host, c.TempDir = s, fakeHost(t, s), t.TempDir()
	return New(c)
}

// TestPlanTouchesNothing plans before the pull, after it, and after the build,
// through a transport that refuses layers and on a store that is only looked
// at; then what was planned happens.
func TestPlanTouchesNothing(t *testing.T) {
	e, _ := withFakes(t)
	im := push(t, twoLayers(t))
	o := BuildOptions{Image: im, Builder: "tree"}
	viewer := looking(t, e)
	transport := &noLayers{layers: make(map[string]bool)}
	viewer.Source.Transport = transport

	plan := func() *Plan {
		t.Helper()
		before := filetest.Snapshot(t, e.Store.Dir())
		p, err := viewer.Plan(t.Context(), o)
		must(t, err)
		for _, l := range p.Layers {
			transport.layers[l.Digest.String()] = true
		}
		if diff := cmp.Diff(before, filetest.Snapshot(t, e.Store.Dir())); diff != "" {
			t.Errorf("the store changed: %s", diff)
		}
		return p
	}
	plan() // to learn the layers' digests
	cold := plan()
	if cold.Cache.Hit || cold.Tree != nil || cold.FetchBytes == 0 || len(cold.Layers) != 2 || cold.Layers[0].Unpacked {
		t.Errorf("cold: %+v", cold)
	}
	pulled, err := e.Pull(t.Context(), im)
	must(t, err)
	if pulled.FetchedBytes != cold.FetchBytes || pulled.Manifest != cold.Manifest || pulled.Config != cold.Config {
		t.Errorf("planned %+v, pulled %+v", cold, pulled)
	}
	warm := plan()
	if warm.Cache.Hit || warm.Tree == nil || warm.Tree.Lookup("a/b") == nil || warm.FetchBytes != 0 || !warm.Layers[1].Unpacked {
		t.Errorf("warm: %+v", warm)
	}
	built, err := e.Build(t.Context(), o)
	must(t, err)
	hit := plan()
	if !hit.Cache.Hit || hit.Known == nil || hit.Known.Artifact != built.Artifact || hit.Action != built.Action || built.Action != cold.Action {
		t.Errorf("hit: %+v, built %+v", hit, built)
	}
	if !strings.Contains(hit.Cache.Reason, built.Artifact.String()) {
		t.Errorf("reason %q", hit.Cache.Reason)
	}
}

// TestPlanByDigestNeedsNoNetwork: what the store has of a pinned image is not
// asked for.
func TestPlanByDigestNeedsNoNetwork(t *testing.T) {
	e, _ := withFakes(t)
	im := push(t, twoLayers(t))
	pulled, err := e.Pull(t.Context(), im)
	must(t, err)
	repo, _, _ := strings.Cut(im.Ref, ":latest")
	im.Ref = repo + "@" + pulled.Manifest.String()
	viewer := looking(t, e)
	transport := &noLayers{}
	viewer.Source.Transport = transport
	p, err := viewer.Plan(t.Context(), BuildOptions{Image: im, Builder: "tree"})
	must(t, err)
	if n := transport.requests.Load(); n != 0 || p.FetchBytes != 0 {
		t.Errorf("%d requests, %d bytes to fetch", n, p.FetchBytes)
	}
}

func TestPlanRefuses(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	if _, err := e.Plan(t.Context(), BuildOptions{Image: im, Builder: "nosuch"}); !errors.Is(err, host.ErrUnknownBuilder) {
		t.Errorf("builder: %v", err)
	}
	_, err := e.Plan(t.Context(), BuildOptions{Image: im, Builder: "tree", Options: map[string]string{"nosuch": "1"}})
	if !errors.Is(err, host.ErrOption) {
		t.Errorf("option: %v", err)
	}
}

// TestHitFromReadOnlyStore: what was built comes out of a store that cannot
// be written.
func TestHitFromReadOnlyStore(t *testing.T) {
	e, _ := withFakes(t)
	o := BuildOptions{Image: twoLayers(t), Builder: "tree"}
	_, err := e.Build(t.Context(), o)
	must(t, err)
	o.Output = filepath.Join(t.TempDir(), "out")
	r, err := looking(t, e).Build(t.Context(), o)
	must(t, err)
	if !r.Cached || r.Path != o.Output {
		t.Errorf("result %+v", r)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
