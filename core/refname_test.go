package core

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// refGrammar is the grammar of the OCI image specification as containers/image
// has it.
var refGrammar = regexp.MustCompile(`^([A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*)(/[A-Za-z0-9]+(([-._:@+]|--)[A-Za-z0-9]+)*)*$`)

func TestRefName(t *testing.T) {
	for name, want := range map[string]string{
		"docker.io/library/alpine:3.20":     "docker.io/library/alpine:3.20",
		"localhost:5000/a--b/c_d:v1.0-rc+x": "localhost:5000/a--b/c_d:v1.0-rc+x",
		"quay.io/x/y@sha256:0123456789ab":   "quay.io/x/y@sha256:0123456789ab",
		"docker-daemon:alpine:3.11":         "docker-daemon:alpine:3.11",
		"oci:/srv/images/web:latest":        "oci/srv/images/web:latest",
		"oci:../img":                        "oci/img",
		"oci:/srv/my image":                 "oci/srv/my-image",
		"docker-archive:/tmp/.x/a.tar.gz":   "docker-archive/tmp/x/a.tar.gz",
		"oci:/tmp/größe__2":                 "oci/tmp/gr-e-2",
		"///":                               "image",
		"":                                  "image",
	} {
		if got := refName(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestRefNameIsAlwaysOne(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("aZ0-._:@+/ é")))).Draw(r, "name")
		got := refName(name)
		if !refGrammar.MatchString(got) {
			r.Fatalf("%q became %q", name, got)
		}
		if refGrammar.MatchString(name) && got != name {
			r.Fatalf("%q needed no change and became %q", name, got)
		}
	})
}
