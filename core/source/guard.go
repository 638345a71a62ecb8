package source

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// errRefused is wrapped by the errors of requests that were not made.
var errRefused = errors.New("refused")

// guard is what every request of a client passes last, those of redirects
// and for tokens included. A registry that is spoken to by TLS cannot lead
// the client to a place that is not, and none can lead it to addresses that
// mean something else here than there.
type guard struct {
	next  http.RoundTripper
	host  string // of the registry
	plain bool   // whether it may be spoken to without TLS
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.check(req.URL); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return g.next.RoundTrip(req)
}

func (g *guard) check(u *url.URL) error {
	switch own := strings.EqualFold(u.Host, g.host); {
	case u.Scheme != "https" && (u.Scheme != "http" || !g.plain):
		return fmt.Errorf("%w to go on to %s://%s, which is not encrypted", errRefused, u.Scheme, u.Host)
	case !own && isLinkLocal(u.Host), !own && isLoopback(u.Host) && !isLoopback(g.host):
		return fmt.Errorf("%w to go on to %s, an address of this machine or its network link", errRefused, u.Host)
	}
	return nil
}
