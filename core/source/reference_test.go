package source_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"banger/core/source"
	"banger/internal/hint"
)

const hexDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParseReference(t *testing.T) {
	for in, want := range map[string]source.Reference{
		"alpine":                      {Scheme: source.SchemeRegistry, Rest: "docker.io/library/alpine:latest"},
		"alpine:3.20":                 {Scheme: source.SchemeRegistry, Rest: "docker.io/library/alpine:3.20"},
		"docker.io/alpine":            {Scheme: source.SchemeRegistry, Rest: "docker.io/library/alpine:latest"},
		"docker://alpine:3.20":        {Scheme: source.SchemeRegistry, Rest: "docker.io/library/alpine:3.20"},
		"docker:dind":                 {Scheme: source.SchemeRegistry, Rest: "docker.io/library/docker:dind"},
		"registry:2":                  {Scheme: source.SchemeRegistry, Rest: "docker.io/library/registry:2"},
		"library/dir":                 {Scheme: source.SchemeRegistry, Rest: "docker.io/library/dir:latest"},
		"ghcr.io/x/y@" + hexDigest:    {Scheme: source.SchemeRegistry, Rest: "ghcr.io/x/y@" + hexDigest},
		"x/y:tag@" + hexDigest:        {Scheme: source.SchemeRegistry, Rest: "docker.io/x/y@" + hexDigest},
		"localhost:5000/x":            {Scheme: source.SchemeRegistry, Rest: "localhost:5000/x:latest"},
		"[::1]:5000/x:1":              {Scheme: source.SchemeRegistry, Rest: "[::1]:5000/x:1"},
		"oci:dir":                     {Scheme: source.SchemeOCI, Rest: "dir"},
		"oci:/a/b:tag":                {Scheme: source.SchemeOCI, Rest: "/a/b:tag"},
		"oci:dir@" + hexDigest:        {Scheme: source.SchemeOCI, Rest: "dir@" + hexDigest},
		"oci-archive:x.tar:t":         {Scheme: source.SchemeOCIArchive, Rest: "x.tar:t"},
		"docker-archive:x.tar:a/b:1":  {Scheme: source.SchemeDockerArchive, Rest: "x.tar:a/b:1"},
		"docker-daemon:alpine:3.20":   {Scheme: source.SchemeDockerDaemon, Rest: "alpine:3.20"},
		"docker-daemon:" + hexDigest:  {Scheme: source.SchemeDockerDaemon, Rest: hexDigest},
		"docker-archive:/dev/stdin":   {Scheme: source.SchemeDockerArchive, Rest: "/dev/stdin"},
		"host.example:443/a/b-c_d/e1": {Scheme: source.SchemeRegistry, Rest: "host.example:443/a/b-c_d/e1:latest"},
	} {
		t.Run(in, func(t *testing.T) {
			got, err := source.ParseReference(in)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, in := range []string{
		"", ":", "oci:", "docker-archive:", "docker://", "containers-storage:x", "containers-storage:[overlay]x",
		"dir:x", "http://example.com/x", "https://example.com/x", "ftp://x", "foo:/bar", "oci-layout://x", "file:x.tar",
		"ostree:x", "docker-image://alpine", "Alpine", "alpine:", "alpine:a:b", "a b", "./x.tar", "../x", "/x/y.tar",
		"example.com/a//b", "example.com/../x", "example.com/a/..", "alpine@sha256:123", "alpine@" + hexDigest + "@" + hexDigest,
		"example.com/a\nb", "-x y",
	} {
		t.Run(in, func(t *testing.T) {
			got, err := source.ParseReference(in)
			if !errors.Is(err, source.ErrReference) {
				t.Fatalf("got %+v and error %v, want ErrReference", got, err)
			}
			for _, form := range []string{"docker://", "oci:DIR", "oci-archive:", "docker-archive:", "docker-daemon:"} {
				if !strings.Contains(hint.Of(err), form) {
					t.Errorf("the hint %q does not list %s", hint.Of(err), form)
				}
			}
		})
	}
}

func TestOpenSuggestsLocalPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("rootfs.tar", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("Layout", 0o755); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("rootfs.tar")
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"./rootfs.tar": "docker-archive:./rootfs.tar or oci-archive:./rootfs.tar",
		abs:            "docker-archive:" + abs,
		"Layout":       "oci:Layout",
	} {
		_, err := source.Open(t.Context(), ref, source.Options{})
		if !errors.Is(err, source.ErrReference) || !strings.Contains(hint.Of(err), want) {
			t.Errorf("%s: error %v, hint %q; want a hint with %q", ref, err, hint.Of(err), want)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"alpine:3.20", "docker://a/b", "oci:x:y", "a@" + hexDigest, "foo:/x", "[::1]:5000/x", "docker:/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := source.ParseReference(s)
		if err != nil {
			if !errors.Is(err, source.ErrReference) {
				t.Fatalf("%q: error %v is no ErrReference", s, err)
			}
			return
		}
		again, err := source.ParseReference(r.String())
		if err != nil || again != r {
			t.Fatalf("%q is %+v, whose text %q is %+v, error %v", s, r, r.String(), again, err)
		}
	})
}
