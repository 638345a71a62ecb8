package source

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"banger/internal/hint"
)

// Scheme is the kind of place where an image lies.
type Scheme string

// The schemes of references.
const (
	SchemeRegistry      Scheme = "docker"
	SchemeOCI           Scheme = "oci"
	SchemeOCIArchive    Scheme = "oci-archive"
	SchemeDockerArchive Scheme = "docker-archive"
	SchemeDockerDaemon  Scheme = "docker-daemon"
)

// Reference is a parsed image reference. Of the local forms only the scheme
// is parsed: where a path ends and a tag begins is known when it is opened.
type Reference struct {
	Scheme Scheme
	// Rest is what follows the scheme: for a registry the canonical name
	// ("docker.io/library/alpine:3.20"), else the text as given.
	Rest string
}

// String returns the canonical form, which parses to the same Reference.
func (r Reference) String() string {
	if r.Scheme == SchemeRegistry {
		return r.Rest
	}
	return string(r.Scheme) + ":" + r.Rest
}

// forms is what an error about a reference says is possible.
const forms = "use a registry reference such as alpine:3.20 or docker://alpine:3.20, oci:DIR[:TAG|@DIGEST], " +
	"oci-archive:FILE[:TAG], docker-archive:FILE[:REF] or docker-daemon:REF"

// otherSchemes are the transports of other tools (containers-transports(5),
// URLs) that must not be taken for the name of a repository on Docker Hub.
var otherSchemes = map[string]bool{
	"containers-storage": true, "dir": true, "ostree": true, "sif": true, "tarball": true, "atomic": true,
	"http": true, "https": true, "file": true, "oci-layout": true, "docker-image": true,
}

// ParseReference parses an image reference without touching anything. A known
// scheme wins over a repository of that name (oci:x is a directory), but
// docker needs its slashes: docker:dind is an image on Docker Hub. A name
// followed by ":/", and the known transports of other tools, are unknown
// schemes; any other NAME:TAG is a registry reference. Every error is an
// ErrReference whose hint lists the forms.
func ParseReference(ref string) (Reference, error) {
	before, rest, found := strings.Cut(ref, ":")
	if found {
		switch s := Scheme(before); s {
		case SchemeOCI, SchemeOCIArchive, SchemeDockerArchive, SchemeDockerDaemon:
			if rest == "" {
				return Reference{}, badReference(ref, "nothing follows the scheme")
			}
			return Reference{s, rest}, nil
		}
		if registry, ok := strings.CutPrefix(rest, "//"); ok && before == string(SchemeRegistry) {
			return parseRegistry(ref, registry)
		}
		if otherSchemes[before] || strings.HasPrefix(rest, "/") {
			return Reference{}, badReference(ref, fmt.Sprintf("unknown scheme %.40q", before))
		}
	}
	return parseRegistry(ref, ref)
}

func parseRegistry(whole, ref string) (Reference, error) {
	n, err := name.ParseReference(ref)
	if err != nil || strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, ".") || !repositoryOK(n) {
		return Reference{}, badReference(whole, "no registry reference")
	}
	return Reference{SchemeRegistry, registryName(n)}, nil
}

// repositoryOK refuses what the name package lets pass and a URL path would
// not: empty components, and those of dots alone.
func repositoryOK(n name.Reference) bool {
	for part := range strings.SplitSeq(n.Context().RepositoryStr(), "/") {
		if strings.Trim(part, ".") == "" {
			return false
		}
	}
	return true
}

// registryName is n with Docker Hub called by the name that people and other
// tools use.
func registryName(n name.Reference) string {
	if rest, ok := strings.CutPrefix(n.Name(), name.DefaultRegistry+"/"); ok {
		return "docker.io/" + rest
	}
	return n.Name()
}

func badReference(ref, why string) error {
	return hint.With(fmt.Errorf("%w %.200q: %s", ErrReference, ref, why), forms)
}
