package source_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/internal/hint"
)

func TestUnreachable(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_ = wantError(t, closed+"/x:1", fast(source.Options{}), source.ErrNetwork, "connection refused")

	dead := source.Options{Transport: failing{&net.DNSError{Err: "no such host", Name: "registry.example", IsNotFound: true}}}
	err = wantError(t, "registry.example/x", fast(dead), source.ErrNetwork, "no such host")
	if !strings.Contains(hint.Of(err), "name of the host") {
		t.Errorf("hint %q", hint.Of(err))
	}

	plain := source.Options{Transport: failing{errors.New("http: server gave HTTP response to HTTPS client")}}
	err = wantError(t, "registry.example/x", fast(plain), source.ErrNetwork, "HTTP response")
	if hint.Of(err) != "the registry speaks plain HTTP; if you trust the network: --plain-http registry.example" {
		t.Errorf("hint %q", hint.Of(err))
	}
}

// TestOfflineLayer asks an image that is not fetched for a layer that the
// caller does not have after all.
func TestOfflineLayer(t *testing.T) {
	s := startRegistry(t)
	manifest, err := s.image.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := s.image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[digest.Digest][]byte{digest.FromBytes(manifest): manifest, digest.FromBytes(config): config}
	im, err := source.Open(t.Context(), s.ref("one"), source.Options{
		Offline: true,
		Cached:  func(d digest.Digest, _ int64) ([]byte, bool) { b, ok := blobs[d]; return b, ok },
		Tagged:  func(string) (digest.Digest, bool) { return digest.FromBytes(manifest), true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	before := s.requests.Load()
	_, err = im.OpenLayer(t.Context(), 1)
	if !errors.Is(err, source.ErrOffline) || !strings.Contains(err.Error(), "does not have layer 2 of 2, sha256:") {
		t.Errorf("got %v", err)
	}
	if n := s.requests.Load() - before; n != 0 {
		t.Errorf("%d requests", n)
	}
}

type failing struct{ error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.error }
