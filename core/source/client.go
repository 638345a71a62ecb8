package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"banger/internal/hint"
)

// client speaks to one repository of a registry. It connects when first
// needed.
type client struct {
	repo   name.Repository
	o      Options
	policy retryPolicy
	plain  bool // no TLS, ever
	base   http.RoundTripper

	mu        sync.Mutex
	http      *http.Client // nil until connected
	scheme    string       // "http" or "https", once connected
	anonymous bool
	secrets   []string // that no error may show
}

func newClient(repo name.Repository, o Options) *client {
	c := &client{repo: repo, o: o, policy: o.retry.orDefault(), base: o.Transport, anonymous: true}
	c.plain = hasHost(o.PlainHTTP, c.addr())
	if c.base == nil {
		c.base = newCarrier(o)
	}
	return c
}

// Close lets go of idle connections, unless the transport is the caller's.
func (c *client) Close() {
	if own, ok := c.base.(*carrier); ok {
		own.CloseIdleConnections()
	}
}

// addr is the registry's "HOST[:PORT]" in URLs.
func (c *client) addr() string { return c.repo.RegistryStr() }

// credentials finds the credentials for the repository and notes them.
func (c *client) credentials(ctx context.Context) (authn.Authenticator, error) {
	if c.o.Keychain == nil {
		return authn.Anonymous, nil
	}
	auth, err := authn.Resolve(ctx, c.o.Keychain, c.repo)
	if err != nil {
		return nil, c.noCredentials(err)
	}
	plain, err := authn.Authorization(ctx, auth)
	if err != nil {
		return nil, c.noCredentials(err)
	}
	c.anonymous, c.secrets = auth == authn.Anonymous, secretsOf(plain)
	return auth, nil
}

// noCredentials is the error of credentials that cannot be had. Nobody has been
// asked yet: those in a file that the user named are the user's to mend.
func (c *client) noCredentials(err error) error {
	err = fmt.Errorf("read credentials for %s: %w", c.addr(), err)
	if errors.Is(err, ErrAuthFile) {
		return hint.With(err, "see --authfile and REGISTRY_AUTH_FILE")
	}
	return fmt.Errorf("%w: %w", ErrAuth, err)
}

// asking is what a request is for.
type asking struct {
	method string
	path   string // below /v2/REPOSITORY/
	header http.Header
	what   string // in an error: "manifest 3.20"

	wait time.Duration // that the answer asks for before another try
}

// do makes a request and returns a response of one of the statuses wanted, of
// any if none is named. Its body fails when it stalls; the caller closes it.
func (c *client) do(ctx context.Context, a asking, wanted ...int) (*http.Response, error) {
	h, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: c.scheme, Host: c.addr(), Path: "/v2/" + c.repo.RepositoryStr() + "/" + a.path}
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
	if len(wanted) == 0 || slices.Contains(wanted, resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	a.wait, _ = retryAfter(resp.Header)
	return nil, c.classify(ctx, refusal(resp), a)
}

// maxAnswer is how many bytes are read of an answer that says why not.
const maxAnswer = 64 << 10

// refusal returns what the registry says in an answer that was not wanted. One
// in plain text counts as well as one in the form of the OCI distribution spec
// ("Error Codes").
func refusal(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	err = transport.CheckError(resp)
	var answer *transport.Error
	if errors.As(err, &answer) && len(answer.Errors) == 0 && isText(resp.Header.Get("Content-Type")) {
		answer.Errors = []transport.Diagnostic{{Message: strings.TrimSpace(string(body))}}
	}
	return err
}

// isText reports whether a media type is that of words for people. None at all
// is what a server gives with an answer of the simplest kind.
func isText(mediaType string) bool {
	return mediaType == "" || strings.HasPrefix(mediaType, "text/plain")
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
