package source

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platform is what an image runs on, in the words of Go's GOOS and GOARCH.
// The zero value stands for linux on the host's processor, not insisted upon.
type Platform struct {
	OS           string
	Architecture string
	Variant      string // of the processor, such as "v7"; often ""
}

// HostPlatform returns linux on the processor this program was built for.
func HostPlatform() Platform {
	return Platform{OS: "linux", Architecture: runtime.GOARCH}
}

// ParsePlatform parses "OS/ARCH[/VARIANT]", or an architecture alone, which
// means linux. Other tools' names of architectures (x86_64, aarch64, armhf)
// are understood.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(strings.ToLower(s), "/")
	if slices.Contains(parts, "") || len(parts) > 3 || strings.ContainsFunc(s, notPlatformRune) {
		return Platform{}, badPlatform(s)
	}
	if len(parts) == 1 {
		if !architectures[normalize(Platform{Architecture: parts[0]}).Architecture] {
			return Platform{}, badPlatform(s)
		}
		parts = []string{"linux", parts[0]}
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return normalize(p), nil
}

func badPlatform(s string) error {
	return fmt.Errorf("%w: platform %.60q is not of the form linux/amd64 or linux/arm/v7", ErrReference, s)
}

func notPlatformRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/", r)
}

// String returns the form that ParsePlatform takes, "" for the zero value.
func (p Platform) String() string {
	if p == (Platform{}) {
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Matches reports whether an image for have is what p asks for: the same
// after normalization, in which arm64 is arm64/v8, amd64 is amd64/v1, and arm
// is arm/v7. There is no falling back to an older variant that the processor
// may or may not run: such an image must be asked for by its own platform.
func (p Platform) Matches(have Platform) bool {
	return normalize(p) == normalize(have)
}

// architectures are the values of GOARCH for which there are images.
var architectures = map[string]bool{
	"386": true, "amd64": true, "arm": true, "arm64": true, "loong64": true, "mips64le": true,
	"ppc64le": true, "riscv64": true, "s390x": true, "wasm": true,
}

// normalize brings a platform to the one form of several that mean the same.
func normalize(p Platform) Platform {
	p = Platform{OS: strings.ToLower(p.OS), Architecture: strings.ToLower(p.Architecture), Variant: strings.ToLower(p.Variant)}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "i386", "i686":
		p.Architecture = "386"
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	}
	if p.Variant != "" && p.Variant[0] >= '0' && p.Variant[0] <= '9' {
		p.Variant = "v" + p.Variant
	}
	switch {
	case p.Architecture == "arm" && p.Variant == "":
		p.Variant = "v7"
	case p.Architecture == "arm64" && p.Variant == "v8", p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	}
	return p
}

// stated returns the platform of a descriptor, and whether it states one.
func stated(d v1.Descriptor) (Platform, bool) {
	if d.Platform == nil || d.Platform.OS == "" || d.Platform.Architecture == "" {
		return Platform{}, false
	}
	return Platform{OS: d.Platform.OS, Architecture: d.Platform.Architecture, Variant: d.Platform.Variant}, true
}
