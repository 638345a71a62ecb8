package source_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/internal/hint"
)

func TestPull(t *testing.T) {
	s := startRegistry(t)
	want, err := s.image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{s.ref("one"), "docker://" + s.ref("one"), s.host + "/repo@" + want.String(), s.ref("one") + "@" + want.String()} {
		im := mustOpen(t, ref, source.Options{})
		check(t, im)
		if got := im.Manifest().Digest.String(); got != want.String() {
			t.Errorf("%s: manifest %s, want %s", ref, got, want)
		}
		if im.Name() != s.ref("one") && im.Name() != s.host+"/repo@"+want.String() {
			t.Errorf("%s: name %s", ref, im.Name())
		}
	}
	for _, arch := range []string{"amd64", "arm64", "s390x"} {
		im := mustOpen(t, s.ref("many"), source.Options{Platform: platform(t, arch)})
		check(t, im)
		if got := im.Manifest().Platform.Architecture; got != arch {
			t.Errorf("platform %s, want %s", got, arch)
		}
	}
	_ = wantError(t, s.ref("many"), source.Options{Platform: platform(t, "riscv64")}, source.ErrNotFound, "there is linux/amd64, linux/arm64, linux/s390x")
	indexDigest, err := s.index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, s.host+"/repo@"+indexDigest.String(), source.Options{Platform: platform(t, "s390x")}))
}

func TestRegistryAnswers(t *testing.T) {
	answer := func(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v2/" {
				return false
			}
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	s := startRegistry(t)
	for _, c := range []struct {
		name, text, hint string
		kind             error
		answer           func(http.ResponseWriter, *http.Request) bool
		ref              string
	}{
		{name: "no tag", ref: s.ref("none"), kind: source.ErrNotFound, text: "/repo has no manifest none"},
		{name: "no repository", ref: s.host + "/other:1", kind: source.ErrNotFound, text: "has no repository other"},
		{
			name: "404 of something else", kind: source.ErrNotFound, text: `the registry says 404 Not Found`,
			answer: answer(404, "<html>"),
		},
		{
			name: "401", kind: source.ErrAuth, text: "does not give repo to strangers, or has no such repository",
			hint: "docker login " + s.host, answer: answer(401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`),
		},
		{
			name: "403", kind: source.ErrAuth, text: "DENIED: requested access", hint: "docker login",
			answer: answer(403, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`),
		},
		{
			name: "429", kind: source.ErrRateLimit, text: "TOOMANYREQUESTS: slow down", hint: "docker login",
			answer: answer(429, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`),
		},
		{name: "429 with a long wait", kind: source.ErrRateLimit, text: "429", answer: answer(429, "", "Retry-After", "3600")},
		{name: "500", kind: source.ErrNetwork, text: "500 Internal Server Error", answer: answer(500, "")},
		{name: "503", kind: source.ErrNetwork, text: "UNAVAILABLE", answer: answer(503, `{"errors":[{"code":"UNAVAILABLE"}]}`)},
		{name: "418", kind: source.ErrNetwork, text: "418", answer: answer(418, "")},
		{name: "406", kind: source.ErrInvalid, text: "in no format", answer: answer(406, "")},
		{name: "400", kind: source.ErrReference, text: "NAME_INVALID", answer: answer(400, `{"errors":[{"code":"NAME_INVALID"}]}`)},
		{name: "451", kind: source.ErrNotFound, text: "451", answer: answer(451, "")},
		{
			name: "escape codes", kind: source.ErrNotFound, text: `\x1b[31m`,
			answer: answer(404, `{"errors":[{"code":"X","message":"\u001b[31m`+strings.Repeat("y", 5000)+`"}]}`),
		},
		{name: "no JSON", kind: source.ErrInvalid, text: "parse manifest", answer: answer(200, "<html>")},
		{name: "huge manifest", kind: source.ErrInvalid, text: "more than 4194304 bytes", answer: answer(200, strings.Repeat(" ", 5<<20))},
		{
			name: "schema 1", kind: source.ErrInvalid, text: "obsolete schema 1",
			answer: answer(200, `{"schemaVersion":1,"name":"x"}`, "Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.before.Store(nil)
			if c.answer != nil {
				s.intercept(c.answer)
			}
			if c.ref == "" {
				c.ref = s.ref("one")
			}
			err := wantError(t, c.ref, fast(source.Options{}), c.kind, c.text)
			if !strings.Contains(hint.Of(err), c.hint) {
				t.Errorf("hint %q, want one with %q", hint.Of(err), c.hint)
			}
			if strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 600 {
				t.Errorf("unfit for a terminal: %q", err)
			}
			if errors.Is(c.kind, source.ErrNetwork) != errors.Is(err, source.ErrNetwork) {
				t.Errorf("errors.Is ErrNetwork is %t", errors.Is(err, source.ErrNetwork))
			}
		})
	}
}

func TestPingAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		kind   error
		text   string
	}{
		{404, source.ErrNotFound, "is no registry"},
		{500, source.ErrNetwork, "500"},
		{429, source.ErrRateLimit, "429"},
		{403, source.ErrAuth, "403"},
	} {
		s := startRegistry(t)
		s.intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(c.status)
			return true
		})
		_ = wantError(t, s.ref("one"), fast(source.Options{}), c.kind, c.text)
	}
}

func TestRetriesPass(t *testing.T) {
	s := startRegistry(t)
	var failures atomic.Int64
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" || failures.Add(1)%3 == 0 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(503)
		return true
	})
	check(t, mustOpen(t, s.ref("one"), fast(source.Options{})))
}

func TestHangingRegistryEndsWithContext(t *testing.T) {
	s := startRegistry(t)
	for _, where := range []string{"/v2/", "/manifests/", "/blobs/"} {
		t.Run(where, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			quit := errors.New("the user has had enough")
			s.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
				if where == "/v2/" || strings.Contains(r.URL.Path, where) {
					cancel(quit)
					<-r.Context().Done()
					return true
				}
				return false
			})
			_, err := source.Open(ctx, s.ref("one"), source.Options{})
			if !errors.Is(err, quit) || errors.Is(err, source.ErrNetwork) {
				t.Errorf("error %v, want the cause of the context", err)
			}
		})
	}
}

func TestCachedSparesTheNetwork(t *testing.T) {
	s := startRegistry(t)
	kept := map[digest.Digest][]byte{}
	keep := func(im source.Image) {
		m := im.Manifest()
		c, err := im.Config(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range append([][]byte{m.Raw, c}, m.Indexes...) {
			kept[digest.FromBytes(b)] = b
		}
	}
	o := source.Options{Platform: platform(t, "arm64"), Cached: func(d digest.Digest, size int64) ([]byte, bool) {
		b, ok := kept[d]
		if ok && size >= 0 && size != int64(len(b)) {
			t.Errorf("asked for %s of size %d", d, size)
		}
		return b, ok
	}}
	im := mustOpen(t, s.ref("many"), o)
	keep(im)
	index := digest.FromBytes(im.Manifest().Indexes[0])

	before := s.requests.Load()
	for _, d := range []digest.Digest{im.Manifest().Digest, index} {
		again := mustOpen(t, s.host+"/repo@"+d.String(), o)
		if again.Manifest().Digest != im.Manifest().Digest {
			t.Error("another manifest")
		}
	}
	if n := s.requests.Load() - before; n != 0 {
		t.Errorf("%d requests for references by digest", n)
	}
	var gets atomic.Int64
	s.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Path != "/v2/" {
			gets.Add(1)
		}
		return false
	})
	again := mustOpen(t, s.ref("many"), o)
	if n := gets.Load(); n != 0 {
		t.Errorf("%d GETs for a tag whose manifest is known", n)
	}
	// Layers are there when they are wanted after all.
	check(t, again)

	// What is cached is not believed.
	for d, b := range kept {
		kept[d] = append(bytes.Clone(b), ' ')
	}
	o.Cached = func(d digest.Digest, _ int64) ([]byte, bool) { b, ok := kept[d]; return b, ok }
	check(t, mustOpen(t, s.ref("many"), o))
}

func TestUserAgent(t *testing.T) {
	s := startRegistry(t)
	s.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.UserAgent(), "banger/1.2 ") {
			t.Errorf("user agent %q", r.UserAgent())
		}
		return false
	})
	check(t, mustOpen(t, s.ref("one"), source.Options{UserAgent: "banger/1.2"}))
}

func TestRegistryLies(t *testing.T) {
	s := startRegistry(t)
	manifest, err := s.image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	d := digest.FromBytes(manifest)
	config, err := s.image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("another manifest", func(t *testing.T) {
		s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = w.Write(append(manifest, '\n'))
			return true
		})
		_ = wantError(t, s.host+"/repo@"+d.String(), source.Options{}, source.ErrInvalid, "its digest is")
	})
	t.Run("another config", func(t *testing.T) {
		s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, config.String()) {
				return false
			}
			size, err := s.image.RawConfigFile()
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(bytes.Repeat([]byte(" "), len(size)))
			return true
		})
		_ = wantError(t, s.ref("one"), source.Options{}, source.ErrInvalid, "its digest is")
	})
	t.Run("another kind", func(t *testing.T) {
		s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
			_, _ = w.Write(manifest)
			return true
		})
		_ = wantError(t, s.ref("one"), source.Options{}, source.ErrInvalid, "not of the media type")
	})
}
