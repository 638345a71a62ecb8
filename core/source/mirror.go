package source

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Mirror is another registry that is asked before the one that a reference
// names. Its repositories have the same names, below a prefix if there is one.
type Mirror struct {
	Of     string // the registry of references, as ParseHost returns it
	Host   string // the mirror
	Prefix string // of its repositories: "proxy" for "proxy/library/alpine"
	Plain  bool   // the mirror is spoken to without TLS
}

// ParseMirror parses "HOST=URL", in which URL is "[http[s]://]HOST[:PORT][/PREFIX]".
func ParseMirror(s string) (Mirror, error) {
	bad := fmt.Errorf("%w: mirror %.200q is not of the form docker.io=https://mirror.example/prefix", ErrReference, s)
	of, at, found := strings.Cut(s, "=")
	if !found {
		return Mirror{}, bad
	}
	if !strings.Contains(at, "://") {
		at = "https://" + at
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Mirror{}, bad
	}
	m := Mirror{Prefix: strings.Trim(u.Path, "/"), Plain: u.Scheme == "http"}
	var errOf, errHost error
	m.Of, errOf = ParseHost(of)
	m.Host, errHost = ParseHost(u.Host)
	if errOf != nil || errHost != nil {
		return Mirror{}, bad
	}
	repo, err := name.NewRepository(path.Join("mirror.example", m.Prefix, "x"))
	if err != nil || !strings.HasPrefix(repo.RepositoryStr(), m.Prefix) {
		return Mirror{}, bad
	}
	return m, nil
}
