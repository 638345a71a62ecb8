package source_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"banger/core/source"
)

func TestParseMirror(t *testing.T) {
	for s, want := range map[string]source.Mirror{
		"docker.io=https://mirror.example":         {Of: "index.docker.io", Host: "mirror.example"},
		"docker.io=mirror.example:5000/a/b/":       {Of: "index.docker.io", Host: "mirror.example:5000", Prefix: "a/b"},
		"reg.example:5000=http://localhost:5001/x": {Of: "reg.example:5000", Host: "localhost:5001", Prefix: "x", Plain: true},
		"REG.example=https://Mirror.Example/proxy": {Of: "reg.example", Host: "mirror.example", Prefix: "proxy"},
		"reg.example=https://mirror.example/UPPER": {},
		"reg.example=https://user:pw@mirror/":      {},
		"reg.example=https://mirror.example/?x=y":  {},
		"reg.example=oci://mirror.example":         {},
		"reg.example=":                             {},
		"=https://mirror.example":                  {},
		"reg.example/team=https://mirror.example":  {},
		"reg.example": {},
		"reg.example=https://mirror.example/../etc": {},
	} {
		got, err := source.ParseMirror(s)
		if got != want || (err != nil) != (want == source.Mirror{}) || err != nil && !errors.Is(err, source.ErrReference) {
			t.Errorf("%s: %+v, %v; want %+v", s, got, err, want)
		}
	}
}

// warnings collects what a source warns of.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, text)
}

// mirrored starts a registry and its mirror, which has the same image, and
// returns options that know of both.
func mirrored(t *testing.T) (origin, mirror *server, o source.Options, warned *warnings) {
	t.Helper()
	origin, mirror = startRegistry(t), startRegistry(t)
	ref, err := name.ParseReference(mirror.host + "/proxy/repo:one")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, origin.image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	mirror.image = origin.image
	warned = &warnings{}
	m := source.Mirror{Of: origin.host, Host: mirror.host, Prefix: "proxy", Plain: true}
	return origin, mirror, fast(source.Options{Mirrors: []source.Mirror{m}, Warn: warned.add}), warned
}

func TestMirrorSparesTheRegistry(t *testing.T) {
	origin, _, o, warned := mirrored(t)
	before := origin.requests.Load()
	im := mustOpen(t, origin.ref("one"), o)
	check(t, im)
	if n := origin.requests.Load() - before; n != 0 || len(warned.list) > 0 {
		t.Errorf("%d requests to the registry, warnings %q", n, warned.list)
	}
	if im.Name() != origin.ref("one") {
		t.Errorf("name %s", im.Name())
	}
}

// Wherever a mirror fails or lies, the registry itself helps out.
func TestUselessMirrors(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			return true
		}
	}
	on := func(path string, f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.URL.Path, path) && f(w, r)
		}
	}
	hangUp := func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"down":                 hangUp,
		"broken":               status(500),
		"no registry":          status(404),
		"for members only":     status(401),
		"without the manifest": on("/manifests/", status(404)),
		"without blobs":        on("/blobs/", status(404)),
		"hanging up on blobs":  on("/blobs/", hangUp),
		"sending other manifests": on("/manifests/sha256", func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("{}"))
			return true
		}),
		"sending short blobs": on("/blobs/", func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("{}"))
			return true
		}),
	} {
		t.Run(name, func(t *testing.T) {
			origin, mirror, o, warned := mirrored(t)
			mirror.intercept(fault)
			o.Cached = uncached().Cached
			check(t, mustOpen(t, origin.ref("one"), o))
			if !slices.ContainsFunc(warned.list, func(s string) bool { return strings.Contains(s, "mirror "+mirror.host+" did not help") }) {
				t.Errorf("warnings %q", warned.list)
			}
		})
	}
}

// A blob of which a mirror had only the beginning is read to its end from the
// registry.
func TestBlobGoesOnElsewhere(t *testing.T) {
	origin, mirror, o, _ := mirrored(t)
	im := mustOpen(t, origin.ref("one"), o)
	mirror.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
		if r.Header.Get("Range") != "" {
			panic(http.ErrAbortHandler)
		}
		cut(w, r, blob, 1000, true)
		return true
	})
	var ranges atomic.Pointer[string]
	origin.onBlob(t, 1, func(w http.ResponseWriter, r *http.Request, blob []byte) bool {
		v := r.Header.Get("Range")
		ranges.Store(&v)
		cut(w, r, blob, len(blob), true)
		return true
	})
	check(t, im)
	if got := ranges.Load(); got == nil || *got != "bytes=1000-" {
		t.Errorf("the registry was asked for %v", got)
	}
}

// hostKeychain has credentials for one host.
type hostKeychain struct {
	host string
	fixedKeychain
}

func (k hostKeychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if r.RegistryStr() != k.host {
		return authn.Anonymous, nil
	}
	return k.fixedKeychain.Resolve(r)
}

func TestMirrorGetsItsOwnCredentials(t *testing.T) {
	origin, mirror, o, _ := mirrored(t)
	all, ok := credentialed(o).Keychain.(fixedKeychain)
	if !ok {
		t.Fatal("another keychain")
	}
	o.Keychain = hostKeychain{origin.host, all}
	mirror.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			t.Error("the mirror got the registry's credentials")
		}
		return wantPassword(w, r)
	})
	origin.intercept(wantPassword)
	check(t, mustOpen(t, origin.ref("one"), o))

	mirror.intercept(wantPassword)
	o.Keychain = hostKeychain{mirror.host, all}
	origin.intercept(func(http.ResponseWriter, *http.Request) bool {
		t.Error("the registry was asked")
		return false
	})
	check(t, mustOpen(t, origin.ref("one"), o))
}
