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
		"broken.example":{"auth":"!"}}}`))
	second := tempFile(t, "auth.json", []byte(`{"auths":{
		"elsewhere.example":`+entry("second")+`,"example.com":`+entry("shadowed")+`,
		"https://index.docker.io/v1/":`+entry("hub")+`}}`))
	k := source.AuthFiles("/nonexistent/auth.json", first, second)
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
		"token.example/x":           "<T>",
		"sub.example.com/team/repo": "",
	} {
		n, err := name.ParseReference(ref)
		if err != nil {
			t.Fatal(err)
		}
		a, err := k.Resolve(n.Context())
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		if a == authn.Anonymous {
			if want != "" {
				t.Errorf("%s: anonymous, want %s", ref, want)
			}
			continue
		}
		c, err := authn.Authorization(t.Context(), a)
		if err != nil {
			t.Fatal(err)
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
	if _, err := source.AuthFiles(tempFile(t, "x", []byte("{"))).Resolve(n.Context()); err == nil {
		t.Error("no error for a broken file")
	}
}

func TestAuthFilePaths(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []string
	}{
		{map[string]string{"REGISTRY_AUTH_FILE": "/f", "HOME": "/h"}, []string{"/f"}},
		{map[string]string{"XDG_RUNTIME_DIR": "/r", "HOME": "/h"}, []string{"/r/containers/auth.json", "/h/.config/containers/auth.json"}},
		{map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, []string{"/run/containers/7/auth.json", "/c/containers/auth.json"}},
		{nil, []string{"/run/containers/7/auth.json"}},
	} {
		got := source.AuthFilePaths(func(k string) string { return c.env[k] }, 7)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
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
	if _, err := source.AuthFiles(shut, "/nonexistent").Resolve(registry); err != nil {
		t.Errorf("one of several: %v", err)
	}
	if _, err := source.AuthFiles(shut).Resolve(registry); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the only one: %v", err)
	}
}
