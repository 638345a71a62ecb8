package source_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

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
}

type failing struct{ error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.error }

func TestTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	host := strings.TrimPrefix(srv.URL, "https://")
	im, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/x:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, im, remote.WithContext(t.Context()), remote.WithTransport(srv.Client().Transport)); err != nil {
		t.Fatal(err)
	}
	check(t, mustOpen(t, host+"/x:1", source.Options{Transport: srv.Client().Transport}))
	err = wantError(t, host+"/x:1", fast(source.Options{}), source.ErrNetwork, "certificate")
	if !strings.Contains(hint.Of(err), "certificate of the registry's authority") {
		t.Errorf("hint %q", hint.Of(err))
	}
}

// A registry elsewhere is not spoken to in the clear unless that is asked.
func TestPlainHTTPOnlyWhenAsked(t *testing.T) {
	s := startRegistry(t)
	o := source.Options{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.host)
		},
	}}
	err := wantError(t, "registry.example/repo:one", fast(o), source.ErrNetwork, "")
	if !strings.Contains(hint.Of(err), "plain HTTP") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
	o.PlainHTTP = true
	check(t, mustOpen(t, "registry.example/repo:one", fast(o)))
}
