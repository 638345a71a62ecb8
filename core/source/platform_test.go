package source_test

import (
	"errors"
	"runtime"
	"testing"

	"banger/core/source"
)

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]source.Platform{
		"linux/amd64":    {OS: "linux", Architecture: "amd64"},
		"linux/x86_64":   {OS: "linux", Architecture: "amd64"},
		"Linux/AMD64":    {OS: "linux", Architecture: "amd64"},
		"linux/arm64/v8": {OS: "linux", Architecture: "arm64"},
		"linux/aarch64":  {OS: "linux", Architecture: "arm64"},
		"arm64":          {OS: "linux", Architecture: "arm64"},
		"linux/arm":      {OS: "linux", Architecture: "arm", Variant: "v7"},
		"linux/arm/6":    {OS: "linux", Architecture: "arm", Variant: "v6"},
		"linux/armhf":    {OS: "linux", Architecture: "arm", Variant: "v7"},
		"linux/amd64/v3": {OS: "linux", Architecture: "amd64", Variant: "v3"},
		"freebsd/amd64":  {OS: "freebsd", Architecture: "amd64"},
		"linux/newarch":  {OS: "linux", Architecture: "newarch"},
	} {
		got, err := source.ParsePlatform(in)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", in, got, err, want)
		}
		if again, err := source.ParsePlatform(got.String()); err != nil || again != got {
			t.Errorf("%q: its text %q is %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/am d64", "linux//v7", "quantum", "linux/\x1b"} {
		if got, err := source.ParsePlatform(in); !errors.Is(err, source.ErrReference) {
			t.Errorf("%q: got %+v, %v; want ErrReference", in, got, err)
		}
	}
}

func TestPlatformMatches(t *testing.T) {
	p := func(s string) source.Platform {
		p := source.Platform{OS: "linux"}
		for i, r := range s {
			if r == '/' {
				p.Architecture, p.Variant = s[:i], s[i+1:]
				return p
			}
		}
		p.Architecture = s
		return p
	}
	for _, c := range []struct {
		want, have string
		matches    bool
	}{
		{"amd64", "amd64", true},
		{"amd64", "amd64/v1", true},
		{"amd64", "amd64/v2", false},
		{"amd64/v2", "amd64", false},
		{"arm64", "arm64/v8", true},
		{"arm64/v8", "arm64", true},
		{"arm64", "arm64/v9", false},
		{"arm", "arm/v7", true},
		{"arm/v7", "arm/v6", false},
		{"arm/v6", "arm/v7", false},
		{"arm64", "arm/v7", false},
		{"386", "amd64", false},
	} {
		if got := p(c.want).Matches(p(c.have)); got != c.matches {
			t.Errorf("%s matches %s: got %t", c.want, c.have, got)
		}
	}
	if (source.Platform{OS: "linux", Architecture: "amd64"}).Matches(source.Platform{OS: "windows", Architecture: "amd64"}) {
		t.Error("linux matches windows")
	}
	if got := source.HostPlatform(); got.OS != "linux" || got.Architecture != runtime.GOARCH {
		t.Errorf("host platform is %+v", got)
	}
}
