package source_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"banger/core/source"
	"banger/internal/hint"
)

// startTLS puts TLS before the registry s and returns the server and a file
// with its certificate.
func startTLS(t *testing.T, s *server) (srv *httptest.Server, host, caFile string) {
	t.Helper()
	srv = httptest.NewUnstartedServer(s.handler)
	srv.Config.ErrorLog = quiet
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	return srv, strings.TrimPrefix(srv.URL, "https://"), tempFile(t, "ca.pem", raw)
}

// trusting are options that trust a file of certificates.
func trusting(t *testing.T, caFile string) source.Options {
	t.Helper()
	pool, err := source.RootCAs(caFile)
	if err != nil {
		t.Fatal(err)
	}
	return fast(source.Options{RootCAs: pool})
}

func TestTLS(t *testing.T) {
	s := startRegistry(t)
	_, host, caFile := startTLS(t, s)
	check(t, mustOpen(t, host+"/repo:one", trusting(t, caFile)))
	check(t, mustOpen(t, host+"/repo:one", fast(source.Options{SkipVerify: []string{"other.example", host}})))
	for name, o := range map[string]source.Options{
		"nothing said":             {},
		"another may":              {SkipVerify: []string{"127.0.0.1", "other.example"}},
		"plain HTTP where TLS is":  {PlainHTTP: []string{host}},
		"plain HTTP, another host": {PlainHTTP: []string{"127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if len(o.PlainHTTP) == 1 && o.PlainHTTP[0] == host {
				_ = wantError(t, host+"/repo:one", fast(o), source.ErrNetwork, "HTTP request to an HTTPS server")
				return
			}
			err := wantError(t, host+"/repo:one", fast(o), source.ErrNetwork, "certificate")
			if !strings.Contains(hint.Of(err), "--ca-file") {
				t.Errorf("hint %q", hint.Of(err))
			}
		})
	}
}

func TestRootCAs(t *testing.T) {
	if _, err := source.RootCAs(tempFile(t, "x.pem", []byte("none"))); err == nil || !strings.Contains(err.Error(), "x.pem: no certificate") {
		t.Errorf("error %v", err)
	}
	if _, err := source.RootCAs(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// firstBytes is a transport whose every connection goes to one place. It notes
// the first byte that each sends.
type firstBytes struct {
	*http.Transport
	mu   sync.Mutex
	seen []byte
}

func dialing(to string) *firstBytes {
	f := &firstBytes{}
	f.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, to)
			return &firstByteConn{Conn: conn, note: f}, err
		},
	}
	return f
}

type firstByteConn struct {
	net.Conn
	note *firstBytes
	once sync.Once
}

func (c *firstByteConn) Write(p []byte) (int, error) {
	c.once.Do(func() {
		c.note.mu.Lock()
		defer c.note.mu.Unlock()
		c.note.seen = append(c.note.seen, p[0])
	})
	return c.Conn.Write(p)
}

// A registry elsewhere is not spoken to in the clear unless that is asked, and
// then not by TLS.
func TestPlainHTTPOnlyWhenAsked(t *testing.T) {
	const tlsHandshake = 0x16
	s := startRegistry(t)
	for _, host := range []string{"registry.example", "registry.example:5000", "10.1.2.3:5000", "registry.local"} {
		via := dialing(s.host)
		o := source.Options{Transport: via}
		err := wantError(t, host+"/repo:one", fast(o), source.ErrNetwork, "")
		if !strings.Contains(hint.Of(err), "--plain-http "+host) {
			t.Errorf("error %v, hint %q", err, hint.Of(err))
		}
		for _, b := range via.seen {
			if b != tlsHandshake {
				t.Errorf("%s: a connection began with %q", host, b)
			}
		}
		via.seen = nil
		o.PlainHTTP = []string{strings.ToUpper(host)}
		check(t, mustOpen(t, host+"/repo:one", fast(o)))
		for _, b := range via.seen {
			if b == tlsHandshake {
				t.Errorf("%s: TLS was tried", host)
			}
		}
	}
}

// credentialed are options with credentials for any registry.
func credentialed(o source.Options) source.Options {
	o.Keychain = fixedKeychain{authn.FromConfig(authn.AuthConfig{Username: "me", Password: "canary-password"})}
	return o
}

// wantPassword makes s ask for the credentials of credentialed.
func wantPassword(w http.ResponseWriter, r *http.Request) bool {
	if _, password, ok := r.BasicAuth(); ok && password == "canary-password" {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestCredentialsStayAtHome(t *testing.T) {
	s := startRegistry(t)
	var asked, told atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			told.Add(1)
		}
		s.plain.ServeHTTP(w, r)
	}))
	t.Cleanup(elsewhere.Close)
	for _, path := range []string{"/blobs/", "/manifests/", "/v2/"} {
		t.Run(path, func(t *testing.T) {
			asked.Store(0)
			s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if path == "/v2/" && r.URL.Path == "/v2/" || path != "/v2/" && strings.Contains(r.URL.Path, path) {
					http.Redirect(w, r, elsewhere.URL+r.URL.Path+"?signature=canary", http.StatusTemporaryRedirect)
					return true
				}
				return wantPassword(w, r)
			})
			im := mustOpen(t, s.ref("one"), credentialed(source.Options{}))
			check(t, im)
			if asked.Load() == 0 || told.Load() != 0 {
				t.Errorf("%d requests elsewhere, %d with credentials", asked.Load(), told.Load())
			}
		})
	}
}

// A registry with TLS cannot have its client speak in the clear, nor send it
// to this machine.
func TestRegistryCannotLeadAstray(t *testing.T) {
	s := startRegistry(t)
	srv, host, caFile := startTLS(t, s)
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	to := func(url string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			http.Redirect(w, r, url, http.StatusTemporaryRedirect)
			return true
		}
	}
	realm := func(url string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x"`, url))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
	}
	for name, lead := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"redirect in the clear":              to(elsewhere.URL),
		"redirect to itself in the clear":    to("http://" + host + "/x"),
		"redirect to a file":                 to("file:///etc/passwd"),
		"redirect to the metadata service":   to("https://169.254.169.254/latest"),
		"redirect to it by IPv6":             to("https://[::ffff:169.254.169.254]/latest"),
		"token service in the clear":         realm(elsewhere.URL),
		"token service on the link":          realm("https://169.254.169.254/latest"),
		"token service that redirects there": realm(srv.URL + "/blobs/token"),
	} {
		t.Run(name, func(t *testing.T) {
			s.intercept(lead)
			if strings.Contains(name, "redirects there") {
				there := to("http://" + strings.TrimPrefix(elsewhere.URL, "http://") + "/token")
				s.intercept(func(w http.ResponseWriter, r *http.Request) bool { return there(w, r) || lead(w, r) })
			}
			o := credentialed(trusting(t, caFile))
			im, err := source.Open(t.Context(), host+"/repo:one", o)
			if err == nil {
				_ = im.Close()
			}
			if err == nil || asked.Load() != 0 {
				t.Errorf("error %v, and %d requests elsewhere", err, asked.Load())
			}
		})
	}

	// One that is not of this machine cannot send its client there.
	o := fast(source.Options{Transport: dialing(s.host), PlainHTTP: []string{"registry.example"}})
	for _, url := range []string{elsewhere.URL, "http://localhost:1/", "http://[::1]:1/", "http://0.0.0.0:1/"} {
		s.intercept(to(url))
		_ = wantError(t, "registry.example/repo:one", o, source.ErrNetwork, "refused to go on to")
	}
}

// Whatever a registry answers, what is told of it lets nobody in.
func TestSecretsStayOutOfErrors(t *testing.T) {
	s := startRegistry(t)
	echo := func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":"X","message":%q}]}`, r.Header.Get("Authorization")+" canary-password")
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"echo": func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusTeapot)
			echo(w, r)
			return true
		},
		"echo in plain text": func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusForbidden)
			echo(w, r)
			return true
		},
		"signed redirect to nowhere": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://user:canary-password@127.0.0.1:1/x?X-Amz-Signature=canary-signature", http.StatusFound)
			return true
		},
		"signed redirect into the dark": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://169.254.169.254/x?X-Amz-Signature=canary-signature", http.StatusFound)
			return true
		},
		"token service that gives no token": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/token" {
				_, _ = fmt.Fprint(w, `{"refresh_token":"canary-refresh"}`)
				return true
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token?key=canary-key"`, s.host))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} { // from the handshake on, or after it
				s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
					if !first && r.URL.Path == "/v2/" {
						return false
					}
					return answer(w, r)
				})
				im, err := source.Open(t.Context(), s.ref("one"), fast(credentialed(source.Options{})))
				if err == nil {
					_ = im.Close()
					t.Fatal("it opened")
				}
				for _, text := range []string{err.Error(), hint.Of(err)} {
					if strings.Contains(text, "canary") || strings.Contains(text, "bWU6Y2FuYXJ5") {
						t.Errorf("a secret in %q", text)
					}
				}
			}
		})
	}
}
