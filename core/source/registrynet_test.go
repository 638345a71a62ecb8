package source_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

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
