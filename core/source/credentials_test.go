package source_test

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"banger/core/source"
	"banger/internal/need"
)

func TestAuthFiles(t *testing.T) {
	entry := func(user string) string {
		return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":pa:ss")) + `"}`
	}
	first := tempFile(t, "auth.json", []byte(`{"auths":{
		"example.com":`+entry("host")+`,
		"example.com/team":`+entry("team")+`,
		"example.com/team/repo":`+entry("repo")+`,
		"localhost:5000":`+entry("port")+`,
		"https://old.example/v2/":`+entry("old")+`,
		"docker.io/library":`+entry("official")+`,
		"elsewhere.example":{},
		"token.example":{"identitytoken":"T"},
		"apart.example":{"username":"apart","password":"pa:ss"},
		"broken.example":{"auth":"!"}}}`))
	second := tempFile(t, "auth.json", []byte(`{"auths":{
		"elsewhere.example":`+entry("second")+`,"example.com":`+entry("shadowed")+`,
		"https://index.docker.io/v1/":`+entry("hub")+`}}`))
	k := &source.Credentials{Paths: []string{"/nonexistent/auth.json", first, second}}
	for ref, want := range map[string]string{
		"example.com/team/repo:1":   "repo",
		"example.com/team/repo/x":   "repo",
		"example.com/team/other":    "team",
		"example.com/teams/other":   "host",
		"example.com/x":             "host",
		"example.com:443/x":         "",
		"localhost:5000/x":          "port",
		"old.example/a/b":           "old",
		"alpine":                    "official",
		"someone/thing":             "hub",
		"elsewhere.example/x":       "second",
		"nobody.example/x":          "",
		"apart.example/x":           "apart",
		"token.example/x":           "<T>",
		"sub.example.com/team/repo": "",
	} {
		c := resolved(t, k, ref)
		if c == nil {
			if want != "" {
				t.Errorf("%s: anonymous, want %s", ref, want)
			}
			continue
		}
		if got := c.Username; want == "<T>" && c.IdentityToken != "T" || want != "<T>" && (got != want || c.Password != "pa:ss") {
			t.Errorf("%s: %+v, want %s", ref, c, want)
		}
	}
	n, err := name.ParseReference("broken.example/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Resolve(n.Context()); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v", err)
	}
	for _, bad := range []*source.Credentials{
		{Paths: []string{tempFile(t, "x", []byte("{"))}},
		{File: "/nonexistent/auth.json", Paths: []string{first}},
	} {
		if _, err := bad.Resolve(n.Context()); err == nil {
			t.Errorf("no error for %+v", bad)
		}
	}
}

// The file that the user names comes before all others, and they after it.
func TestAuthFileFirst(t *testing.T) {
	entry := func(user string) string {
		return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":x")) + `"}`
	}
	k := &source.Credentials{
		File:  tempFile(t, "a", []byte(`{"auths":{"one.example":`+entry("named")+`}}`)),
		Paths: []string{tempFile(t, "b", []byte(`{"auths":{"one.example":`+entry("other")+`,"two.example":`+entry("other")+`}}`))},
	}
	for host, want := range map[string]string{"one.example": "named", "two.example": "other"} {
		if got := resolved(t, k, host+"/x"); got == nil || got.Username != want {
			t.Errorf("%s: %+v, want %s", host, got, want)
		}
	}
}

func TestCredentialPaths(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{
			map[string]string{"XDG_RUNTIME_DIR": "/r", "HOME": "/h"},
			[]string{"/h/.docker/config.json", "/r/containers/auth.json", "/h/.config/containers/auth.json"},
		},
		{
			map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/c", "DOCKER_CONFIG": "/d"},
			[]string{"/d/config.json", "/run/containers/7/auth.json", "/c/containers/auth.json"},
		},
		{nil, []string{"/run/containers/7/auth.json"}},
	} {
		got := source.CredentialPaths(func(k string) string { return c.env[k] }, 7)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}

// resolved returns the credentials for a reference, nil for none.
func resolved(t *testing.T, k *source.Credentials, ref string) *authn.AuthConfig {
	t.Helper()
	n, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	a, err := k.ResolveContext(t.Context(), n.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a == authn.Anonymous {
		return nil
	}
	c, err := authn.Authorization(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAuthFilesBehindClosedDoors: the default /run/containers belongs to root
// on many hosts.
func TestAuthFilesBehindClosedDoors(t *testing.T) {
	shut := filepath.Join("/proc/1/root/nowhere", "auth.json") // closed to all but root
	if os.Geteuid() == 0 {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
		need.AsNobody(cmd)
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("as an ordinary user: %v\n%s", err, out)
		}
		return
	}
	registry, err := name.NewRegistry("registry.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&source.Credentials{Paths: []string{shut}}).Resolve(registry); err != nil {
		t.Errorf("one of the usual: %v", err)
	}
	if _, err := (&source.Credentials{File: shut}).Resolve(registry); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the one that was named: %v", err)
	}
}
