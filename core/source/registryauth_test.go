package source_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"banger/core/source"
	"banger/internal/hint"
)

func TestBasicAuth(t *testing.T) {
	s := startRegistry(t)
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, ok := r.BasicAuth(); ok && user == "me" && password == "secret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(401)
		return true
	})
	with := func(user, password string) source.Options {
		return source.Options{Keychain: fixedKeychain{authn.FromConfig(authn.AuthConfig{Username: user, Password: password})}}
	}
	check(t, mustOpen(t, s.ref("one"), with("me", "secret")))
	err := wantError(t, s.ref("one"), with("me", "wrong"), source.ErrAuth, "to the user of your credentials")
	if want := "docker login " + s.host; !strings.Contains(hint.Of(err), want) {
		t.Errorf("hint %q, want %q", hint.Of(err), want)
	}
	_ = wantError(t, s.ref("one"), source.Options{}, source.ErrAuth, "to strangers")
	broken := source.Options{Keychain: brokenKeychain{}}
	_ = wantError(t, s.ref("one"), broken, source.ErrAuth, "read credentials for "+s.host+": no helper")
}

type fixedKeychain struct{ authn.Authenticator }

func (k fixedKeychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return k.Authenticator, nil
}

type brokenKeychain struct{}

func (brokenKeychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return nil, errors.New("no helper")
}

// Docker Hub's way: a token that allows nothing for a repository that does not
// exist, and a 401 then.
func TestBearerAuth(t *testing.T) {
	s := startRegistry(t)
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/token":
			if !strings.Contains(r.URL.RawQuery, "repository%3Arepo%3Apull") {
				t.Errorf("token asked with %s", r.URL.RawQuery)
			}
			token := "guest"
			if user, _, ok := r.BasicAuth(); ok {
				token = user
			}
			_, _ = fmt.Fprintf(w, `{"token":%q}`, token)
			return true
		case r.Header.Get("Authorization") == "Bearer me":
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, s.host))
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
		return true
	})
	_ = wantError(t, s.ref("one"), source.Options{}, source.ErrAuth, "or has no such repository")
	o := source.Options{Keychain: fixedKeychain{authn.FromConfig(authn.AuthConfig{Username: "me", Password: "x"})}}
	check(t, mustOpen(t, s.ref("one"), o))
}
