package source_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"banger/core/source"
)

// server is a registry in this process that holds an image of two layers at
// repo:one, and an index of three platforms at repo:many.
type server struct {
	host  string
	image v1.Image
	index v1.ImageIndex
	// before, if set, sees each request first and answers it when it returns
	// true.
	before   atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	requests atomic.Int64
	mu       sync.Mutex   // for what a test counts
	plain    http.Handler // the registry without before
	handler  http.Handler
}

// quiet keeps a server's complaints out of the test's output.
var quiet = log.New(io.Discard, "", 0)

func (s *server) intercepted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if f := s.before.Load(); f != nil && (*f)(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) intercept(f func(http.ResponseWriter, *http.Request) bool) { s.before.Store(&f) }

// onBlob intercepts requests for layer i of the image.
func (s *server) onBlob(t testing.TB, i int, f func(w http.ResponseWriter, r *http.Request, blob []byte) bool) v1.Hash {
	t.Helper()
	layers, err := s.image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	h, err := layers[i].Digest()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[i].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	blob, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/blobs/"+h.String()) && f(w, r, blob)
	})
	return h
}

func startRegistry(t testing.TB) *server {
	t.Helper()
	s := &server{plain: registry.New(registry.Logger(quiet))}
	s.handler = s.intercepted(s.plain)
	srv := httptest.NewUnstartedServer(s.handler)
	srv.Config.ErrorLog = quiet
	srv.Start()
	t.Cleanup(srv.Close)
	s.host = strings.TrimPrefix(srv.URL, "http://")

	var err error
	if s.image, err = random.Image(200_000, 2); err != nil {
		t.Fatal(err)
	}
	s.index = empty.Index
	for _, arch := range []string{"amd64", "arm64", "s390x"} {
		im, err := random.Image(1000, 1)
		if err != nil {
			t.Fatal(err)
		}
		s.index = mutate.AppendManifests(s.index, mutate.IndexAddendum{
			Add: im, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	tag := func(tag string) name.Reference {
		ref, err := name.ParseReference(s.host + "/repo:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	if err := remote.Write(tag("one"), s.image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag("many"), s.index, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) ref(tag string) string { return s.host + "/repo:" + tag }

// fast is o with retries that do not wait.
func fast(o source.Options) source.Options {
	return source.WithRetry(o, time.Millisecond, 0)
}
