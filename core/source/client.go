package source

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// client speaks to one repository of a registry. It connects when first
// needed.
type client struct {
	repo   name.Repository
	o      Options
	policy retryPolicy
	own    *http.Transport // to be closed; nil if the caller's is used

	mu        sync.Mutex
	http      *http.Client // nil until connected
	anonymous bool
}

func newClient(repo name.Repository, o Options) *client {
	c := &client{repo: repo, o: o, policy: o.retry.orDefault()}
	if o.Transport == nil {
		c.own = newTransport()
	}
	return c
}

func (c *client) Close() error {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	return nil
}

// connect finds out how the registry wants to be spoken to, and gets a token
// if that takes one.
func (c *client) connect(ctx context.Context) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		return c.http, nil
	}
	auth, err := c.credentials(ctx)
	if err != nil {
		return nil, err
	}
	c.anonymous = auth == authn.Anonymous
	var base http.RoundTripper = c.own
	if c.own == nil {
		base = c.o.Transport
	}
	limited, cancel := context.WithTimeoutCause(ctx, connectLimit, errStalled)
	defer cancel()
	rt := transport.NewUserAgent(&retrying{next: base, policy: c.policy}, c.o.UserAgent)
	rt, err = transport.NewWithContext(limited, c.repo.Registry, auth, rt, []string{c.repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, c.classify(ctx, err, asking{what: "registry " + c.repo.RegistryStr()})
	}
	c.http = &http.Client{Transport: rt, CheckRedirect: checkRedirect}
	return c.http, nil
}

func (c *client) credentials(ctx context.Context) (authn.Authenticator, error) {
	if c.o.Keychain == nil {
		return authn.Anonymous, nil
	}
	auth, err := authn.Resolve(ctx, c.o.Keychain, c.repo)
	if err != nil {
		return nil, fmt.Errorf("%w: read credentials for %s: %w", ErrAuth, c.repo.RegistryStr(), err)
	}
	return auth, nil
}

// asking is what a request is for.
type asking struct {
	method string
	path   string // below /v2/REPOSITORY/
	header http.Header
	what   string // in an error: "manifest 3.20"
}

// do makes a request and returns a response of one of the statuses wanted.
// Its body fails when it stalls; the caller closes it.
func (c *client) do(ctx context.Context, a asking, wanted ...int) (*http.Response, error) {
	h, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: c.repo.Scheme(), Host: c.repo.RegistryStr(), Path: "/v2/" + c.repo.RepositoryStr() + "/" + a.path}
	watched, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(watched, a.method, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("%w: %w", ErrReference, err)
	}
	req.Header = a.header
	resp, err := h.Do(req)
	if err != nil {
		cancel(nil)
		return nil, c.classify(ctx, err, a)
	}
	resp.Body = watch(resp.Body, cancel, c.policy.stall)
	if err := transport.CheckError(resp, wanted...); err != nil {
		_ = resp.Body.Close()
		return nil, c.classify(ctx, err, a)
	}
	return resp, nil
}

// acceptManifests are the media types that a registry may answer with. The
// obsolete schema 1 is not among them; some registries would convert to it.
var acceptManifests = strings.Join([]string{
	string(types.OCIImageIndex), string(types.DockerManifestList),
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2),
}, ", ")

func askManifest(method, identifier string) asking {
	return asking{
		method: method, path: "manifests/" + identifier, what: "manifest " + identifier,
		header: http.Header{"Accept": {acceptManifests}},
	}
}

func askBlob(digest string) asking {
	// "identity" keeps net/http from decompressing what a server wrongly
	// labels with a Content-Encoding.
	return asking{
		method: http.MethodGet, path: "blobs/" + digest, what: "blob " + digest,
		header: http.Header{"Accept-Encoding": {"identity"}},
	}
}
