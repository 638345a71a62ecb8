package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/internal/ocitest"
	tt "banger/internal/tartest"
	"banger/sdk/tree"
)

// runnable is an image that says how it is run.
func runnable(t *testing.T, run map[string]any, layers ...ocitest.Layer) (Image, digest.Digest) {
	t.Helper()
	dir := t.TempDir()
	d, err := ocitest.WriteWith(dir, run, layers...)
	must(t, err)
	return Image{Ref: "oci:" + dir, Platform: "linux/amd64"}, d
}

func TestRunConfig(t *testing.T) {
	empty := RunConfig{
		Version: 1, OS: "linux", Architecture: "amd64", WorkingDir: "/",
		Entrypoint: []string{}, Cmd: []string{}, Env: []string{}, Ports: []string{}, Volumes: []string{}, Labels: map[string]string{},
	}
	full := empty
	full.Entrypoint, full.Cmd, full.Env = []string{"/init", "-x"}, []string{"serve"}, []string{"A=1", "B=", "A=2"}
	full.User, full.WorkingDir, full.StopSignal = "www:www", "/srv", "SIGQUIT"
	full.Ports, full.Volumes, full.Labels = []string{"53/udp", "80/tcp"}, []string{"/data"}, map[string]string{"a": "b"}
	for name, c := range map[string]struct {
		run  map[string]any
		want RunConfig
	}{
		"nothing":       {map[string]any{}, empty},
		"absent":        {nil, empty},
		"null members":  {map[string]any{"Entrypoint": nil, "Labels": nil, "ExposedPorts": nil}, empty},
		"other members": {map[string]any{"Healthcheck": map[string]any{"Test": []string{"NONE"}}, "Domainname": "x"}, empty},
		"everything": {map[string]any{
			"Entrypoint": full.Entrypoint, "Cmd": full.Cmd, "Env": full.Env, "User": "www:www", "WorkingDir": "/srv", "StopSignal": "SIGQUIT",
			"ExposedPorts": map[string]any{"80/tcp": struct{}{}, "53/udp": struct{}{}}, "Volumes": map[string]any{"/data": struct{}{}},
			"Labels": full.Labels,
		}, full},
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := newEngine(t)
			im, manifest := runnable(t, c.run, gz(tt.File("a", "a")))
			p, err := e.Pull(t.Context(), im)
			must(t, err)
			c.want.Manifest = manifest
			if diff := cmp.Diff(c.want, p.Run); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			b, err := p.Run.Encode()
			must(t, err)
			if bytes.Contains(b, []byte("null")) {
				t.Errorf("a member is null:\n%s", b)
			}
			var again RunConfig
			must(t, json.Unmarshal(b, &again))
			if diff := cmp.Diff(c.want, again); diff != "" {
				t.Errorf("decoded: -want +got:\n%s", diff)
			}
		})
	}
	e, _ := newEngine(t)
	im, _ := runnable(t, map[string]any{"Entrypoint": "a string"}, gz(tt.File("a", "a")))
	if _, err := e.Pull(t.Context(), im); !errors.Is(err, source.ErrInvalid) {
		t.Errorf("an entrypoint that is no list: %v", err)
	}
}

// TestEmbedConfig finds the document in the tree, root's and readable, at the
// end of the image's own symlinks.
func TestEmbedConfig(t *testing.T) {
	e, _ := withFakes(t)
	im, _ := runnable(t, map[string]any{"Cmd": []string{"<&>"}}, gz(tt.Dir("real/"), tt.Symlink("etc", "real"), tt.File("real/older", "x")))
	p, err := e.Pull(t.Context(), im)
	must(t, err)
	want, err := p.Run.Encode()
	must(t, err)
	for at, place := range map[string]string{
		"/run.json": "run.json", "/etc/run.json": "real/run.json", "/new/dir/run.json": "new/dir/run.json", "/etc/older": "real/older",
	} {
		im.EmbedConfig = at
		tr, _, err := e.Tree(t.Context(), im)
		must(t, err)
		f := tr.Lookup(place)
		if f == nil || f.Type != tree.Regular || f.Size != int64(len(want)) || digest.NewDigestFromBytes(digest.SHA256, f.SHA256[:]) != digest.FromBytes(want) {
			t.Fatalf("%s: %+v", at, f)
		}
		if f.Mode != 0o644 || f.UID != 0 || f.GID != 0 || f.MTime != (tree.Time{}) {
			t.Errorf("%s: %+v", at, f)
		}
	}
}

func TestEmbedConfigIsPartOfTheQuestion(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	keys := make(map[digest.Digest]string)
	for _, at := range []string{"", "/a/run.json", "/b/run.json"} {
		im.EmbedConfig = at
		o := BuildOptions{Image: im, Builder: "tree", Output: filepath.Join(t.TempDir(), "out")}
		planned, err := e.Plan(t.Context(), o)
		must(t, err)
		r, err := e.Build(t.Context(), o)
		must(t, err)
		if other, twice := keys[r.Action]; twice || r.Cached || planned.Action != r.Action {
			t.Errorf("%q: action %s, planned %s, that of %q", at, r.Action, planned.Action, other)
		}
		keys[r.Action] = at
		b, err := os.ReadFile(o.Output)
		must(t, err)
		if got := strings.Contains(string(b), `"working_dir"`); got != (at != "") {
			t.Errorf("%q: embedded: %t", at, got)
		}
		planned, err = e.Plan(t.Context(), o)
		must(t, err)
		if at != "" && planned.Tree.Lookup(at[1:]) == nil {
			t.Errorf("%q is not in the planned tree", at)
		}
	}
}

func TestEmbedConfigRefuses(t *testing.T) {
	e, _ := withFakes(t)
	im, _ := runnable(t, nil, gz(tt.Dir("etc/"), tt.File("etc/passwd", "x"), tt.Symlink("conf", "etc")))
	for _, at := range []string{
		"etc/run.json", "/", "/etc/", "/etc//x", "/../x", "/etc/.wh.x", "/a\x00b", "/" + strings.Repeat("x/", 2100) + "x", // not a file's path
		"/etc", "/etc/passwd/run.json", // in the place of something
	} {
		im.EmbedConfig = at
		if _, _, err := e.Tree(t.Context(), im); !errors.Is(err, ErrEmbed) {
			t.Errorf("%.40q: %v", at, err)
		}
	}
}
