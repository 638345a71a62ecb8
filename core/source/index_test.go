package source_test

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"banger/core/source"
)

var attestation = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}

func platform(t testing.TB, s string) source.Platform {
	t.Helper()
	if s == "" {
		return source.Platform{}
	}
	p, err := source.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The image chosen is told by the content of its only layer.
func TestChoosesFromIndex(t *testing.T) {
	host := source.HostPlatform().String()
	for _, c := range []struct {
		name  string
		build func(*layoutDir) v1.Descriptor
		ask   string
		want  string // the platform whose image is found
		err   string // or an ErrNotFound with this text
	}{
		{name: "host by default", want: host, build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/s390x"), l.image(host))
		}},
		{name: "asked", ask: "linux/arm64", want: "linux/arm64/v8", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/amd64"), l.image("linux/arm64/v8"))
		}},
		{name: "first of two", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/arm64"), l.image("linux/arm64/v8"))
		}},
		{name: "variant", ask: "linux/arm/v6", want: "linux/arm/v6", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/arm/v7"), l.image("linux/arm/v6"))
		}},
		{name: "no older variant", ask: "linux/arm/v7", err: "there is linux/arm/v6, linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/arm/v6"), l.image("linux/arm64"))
		}},
		{name: "attestations", ask: "linux/arm64", err: "no image for linux/arm64: there is linux/amd64", build: func(l *layoutDir) v1.Descriptor {
			unknown, annotated := l.image("unknown/unknown"), l.image("linux/arm64")
			annotated.Annotations = attestation
			return l.index(l.image("linux/amd64"), unknown, annotated)
		}},
		{name: "artifacts", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			artifact, other := l.image("linux/arm64/v8"), l.image("linux/arm64/v8")
			artifact.ArtifactType = "application/x"
			other.MediaType = "application/vnd.example.future+json"
			return l.index(artifact, other, l.image("linux/arm64"))
		}},
		{name: "config's type as artifact type", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			d := l.image("linux/arm64")
			d.ArtifactType = "application/vnd.oci.image.config.v1+json"
			return l.index(d)
		}},
		{name: "only artifacts", err: "holds no image", build: func(l *layoutDir) v1.Descriptor {
			artifact := l.image("linux/arm64")
			artifact.ArtifactType = "application/x"
			return l.index(artifact)
		}},
		{name: "empty", err: "holds no image", build: func(l *layoutDir) v1.Descriptor { return l.index() }},
		{name: "nested", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/amd64"), l.index(l.image("linux/s390x")), l.index(l.index(l.image("linux/arm64"))))
		}},
		{name: "direct before nested", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.index(l.image("linux/arm64/v8")), l.image("linux/arm64"))
		}},
		{name: "nested without", ask: "linux/arm64", err: "there is linux/amd64, linux/s390x", build: func(l *layoutDir) v1.Descriptor {
			return l.index(l.image("linux/amd64"), l.index(l.image("linux/s390x")))
		}},
		{name: "no platform stated", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			d := l.image("linux/arm64")
			d.Platform = nil
			return l.index(d)
		}},
		{name: "no platform stated and another asked", ask: "linux/amd64", err: "only one for linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			d := l.image("linux/arm64")
			d.Platform = nil
			return l.index(d)
		}},
		{name: "two without platform", err: "2 whose platform the index does not state", build: func(l *layoutDir) v1.Descriptor {
			a, b := l.image("linux/arm64"), l.image("linux/amd64")
			a.Platform, b.Platform = nil, nil
			return l.index(a, b)
		}},
		{name: "index overrules config", ask: "linux/arm64", want: "linux/amd64", build: func(l *layoutDir) v1.Descriptor {
			d := l.image("linux/amd64")
			d.Platform = parsePlatform("linux/arm64")
			return l.index(d)
		}},
		{name: "single of the platform", ask: "linux/arm64", want: "linux/arm64", build: func(l *layoutDir) v1.Descriptor {
			return l.image("linux/arm64")
		}},
		{name: "single of another platform, not asked", want: "linux/s390x", build: func(l *layoutDir) v1.Descriptor {
			return l.image("linux/s390x")
		}},
		{name: "single of another platform, asked", ask: "linux/amd64", err: "no image for linux/amd64: there is only one for linux/s390x", build: func(l *layoutDir) v1.Descriptor {
			return l.image("linux/s390x")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLayout(t)
			ref := l.tag(c.build(l), "x")
			im, err := source.Open(t.Context(), ref, source.Options{Platform: platform(t, c.ask)})
			if c.err != "" {
				if !errors.Is(err, source.ErrNotFound) || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want ErrNotFound with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			check(t, im)
			if got := string(readLayer(t, im, 0)[512 : 512+len(c.want)]); got != c.want {
				t.Errorf("the image is that of %s, want %s", got, c.want)
			}
			if c.ask != "" && !platform(t, c.ask).Matches(im.Manifest().Platform) {
				t.Errorf("platform %s, want %s", im.Manifest().Platform, c.ask)
			}
		})
	}
}

func TestIndexesAreKept(t *testing.T) {
	l := newLayout(t)
	inner := l.index(l.image("linux/arm64"))
	outer := l.index(inner, l.image("linux/amd64"))
	ref := l.tag(outer, "x")
	m := mustOpen(t, ref, source.Options{Platform: platform(t, "arm64")}).Manifest()
	if len(m.Indexes) != 2 || int64(len(m.Indexes[0])) != outer.Size || int64(len(m.Indexes[1])) != inner.Size {
		t.Errorf("%d indexes, want the outer and the inner", len(m.Indexes))
	}
	if m := mustOpen(t, ref, source.Options{Platform: platform(t, "amd64")}).Manifest(); len(m.Indexes) != 1 {
		t.Errorf("%d indexes, want 1", len(m.Indexes))
	}
}

func TestIndexNestingIsBounded(t *testing.T) {
	t.Run("deep", func(t *testing.T) {
		l := newLayout(t)
		d := l.image("linux/arm64")
		for range 6 {
			d = l.index(d)
		}
		wantInvalid(t, l.tag(d, "x"), "nested in indexes")
	})
	t.Run("wide", func(t *testing.T) {
		l := newLayout(t)
		var many []v1.Descriptor
		for range 20 {
			many = append(many, l.index(l.image("linux/s390x")))
		}
		many = append(many, l.index(l.image("linux/arm64")))
		wantInvalid(t, l.tag(l.index(many...), "x"), "nested in indexes")
	})
}

// wantInvalid opens ref for arm64 and wants an ErrInvalid with that text.
func wantInvalid(t *testing.T, ref, text string) {
	t.Helper()
	im, err := source.Open(t.Context(), ref, source.Options{Platform: platform(t, "arm64"), TempDir: in(t.TempDir())})
	if err == nil {
		_ = im.Close()
	}
	if !errors.Is(err, source.ErrInvalid) || !strings.Contains(err.Error(), text) {
		t.Fatalf("error %v, want ErrInvalid with %q", err, text)
	}
}
