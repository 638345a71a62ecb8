package source_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/opencontainers/go-digest"

	"banger/core/source"
)

// uncached are options of somebody who has a cache with nothing in it.
func uncached() source.Options {
	return fast(source.Options{Cached: func(digest.Digest, int64) ([]byte, bool) { return nil, false }})
}

// A tag that moves while the image is read makes no difference any more.
func TestTagMovesBetweenRequests(t *testing.T) {
	s := startRegistry(t)
	want, err := s.image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	other, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(s.ref("one"))
	if err != nil {
		t.Fatal(err)
	}
	// before each request but the first that is about manifests or blobs
	var asked atomic.Int64
	var moving atomic.Bool
	s.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/" && asked.Add(1) == 2 && moving.CompareAndSwap(false, true) {
			if err := remote.Write(ref, other, remote.WithContext(t.Context())); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	im := mustOpen(t, s.ref("one"), uncached())
	check(t, im)
	if got := im.Manifest().Digest.String(); got != want.String() || !moving.Load() {
		t.Errorf("manifest %s, want %s; moved %t", got, want, moving.Load())
	}
}

// What is asked after the first answer is asked by digest, each thing once,
// and nothing is asked twice.
func TestRequestsOfAPull(t *testing.T) {
	s := startRegistry(t)
	for tag, manifests := range map[string]int{"one": 1, "many": 2} {
		var log []string
		s.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
			log = append(log, r.Method+" "+r.URL.Path)
			return false
		})
		im := mustOpen(t, s.ref(tag), func() source.Options {
			o := uncached()
			o.Platform = platform(t, "amd64")
			if tag == "one" {
				o.Platform = source.Platform{}
			}
			return o
		}())
		if len(log) != 3+manifests || log[0] != "GET /v2/" || log[1] != "HEAD /v2/repo/manifests/"+tag {
			t.Errorf("%s: requests %q", tag, log)
		}
		for _, line := range log[2:] {
			if !strings.HasPrefix(line, "GET ") || !strings.Contains(line, "/sha256:") {
				t.Errorf("%s: %s is not by digest", tag, line)
			}
		}
		_ = im
	}
}

func TestTagAnswersThatLie(t *testing.T) {
	s := startRegistry(t)
	manifest, err := s.image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	false1 := "sha256:" + strings.Repeat("1", 64)
	answer := func(digests map[string]string, body func(r *http.Request) []byte) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
			if d := digests[r.Method]; d != "" {
				w.Header().Set("Docker-Content-Digest", d)
			}
			b := body(r)
			w.Header().Set("Content-Length", fmt.Sprint(len(b)))
			if r.Method != http.MethodHead {
				_, _ = w.Write(b)
			}
			return true
		}
	}
	true1 := func(*http.Request) []byte { return manifest }
	for _, c := range []struct {
		name, text string
		kind       error
		answer     func(http.ResponseWriter, *http.Request) bool
	}{
		{"in the digest of the tag", "its digest is", source.ErrInvalid, answer(map[string]string{"HEAD": false1}, true1)},
		{"in the digest of the fetch", "the registry calls it " + false1, source.ErrInvalid, answer(map[string]string{"GET": false1}, true1)},
		{"with a digest that is none", "", nil, answer(map[string]string{"HEAD": "sha256:../../x", "GET": "md5:00"}, true1)},
		{"in the length of the tag", "", nil, answer(map[string]string{"HEAD": digest.FromBytes(manifest).String()}, func(r *http.Request) []byte {
			if r.Method == http.MethodHead {
				return []byte("short")
			}
			return manifest
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.intercept(c.answer)
			if c.kind == nil {
				check(t, mustOpen(t, s.ref("one"), uncached()))
				return
			}
			_ = wantError(t, s.ref("one"), uncached(), c.kind, c.text)
		})
	}
}
