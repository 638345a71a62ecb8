// Package daemon asks a docker daemon, or podman's service in its place, for
// an image in the form of docker save. It speaks plain HTTP over a unix or a
// TCP socket and needs three requests of the Engine API, so that no client
// library is involved.
//
// What the daemon sends is handed on as it comes: bounds and checks are the
// reader's.
package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// DefaultHost is where docker listens unless told otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// inspectLimit is how long a daemon may take to say what an image is.
const inspectLimit = time.Minute

// Client speaks to one daemon. It is safe for concurrent use.
type Client struct {
	host string
	http *http.Client
	base url.URL
}

// New returns a client for a daemon at unix:///PATH or tcp://HOST:PORT; "" is
// DefaultHost. It does not connect. Anything else, TLS and ssh included, is an
// ErrAddress.
func New(host string) (*Client, error) {
	if host == "" {
		host = DefaultHost
	}
	scheme, addr, _ := strings.Cut(host, "://")
	network, base := scheme, url.URL{Scheme: "http", Host: addr}
	switch {
	case scheme == "unix" && strings.HasPrefix(addr, "/"):
		base.Host = "docker" // any name will do
	case scheme == "tcp" && addr != "" && !strings.Contains(addr, "/"):
	default:
		return nil, fmt.Errorf("%w %.200q: it must be unix:///PATH or tcp://HOST:PORT", ErrAddress, host)
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		DisableCompression: true,
	}
	return &Client{host: host, http: &http.Client{Transport: tr}, base: base}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

var (
	// namePattern holds what may stand in a name without leaving its place in
	// the path of a URL.
	namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@+-]*$`)
	idPattern   = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)
)

// Find returns the id of the image that the daemon means by name: a
// reference, an id, or the beginning of one. The platform, if it is not "",
// chooses among the images of a name in a daemon that has several.
func (c *Client) Find(ctx context.Context, name, platform string) (id string, err error) {
	if !namePattern.MatchString(name) || strings.Contains(name, "..") || strings.Contains(name, "//") {
		return "", fmt.Errorf("%w %.200q", ErrName, name)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, inspectLimit, errNoAnswer)
	defer cancel()
	resp, err := c.get(ctx, name, "json", platform)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var info struct {
		ID string `json:"Id"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 16<<20)).Decode(&info); err != nil {
		return "", c.failed(ctx, fmt.Errorf("read what it says of %s: %w", name, err))
	}
	if !idPattern.MatchString(info.ID) {
		return "", c.failed(ctx, fmt.Errorf("it gives %s no id but %.80q", name, info.ID))
	}
	return info.ID, nil
}

// Save writes the image id to w as docker save does. Errors of w are returned
// as they are.
func (c *Client) Save(ctx context.Context, id, platform string, w io.Writer) error {
	resp, err := c.get(ctx, id, "get", platform)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out := &writer{w: w}
	if _, err := io.Copy(out, resp.Body); err != nil {
		if out.err != nil {
			return fmt.Errorf("keep image %s: %w", id, out.err)
		}
		return c.failed(ctx, fmt.Errorf("read image %s: %w", id, err))
	}
	return nil
}

func (c *Client) get(ctx context.Context, name, what, platform string) (*http.Response, error) {
	u := c.base
	u.Path = "/images/" + name + "/" + what
	if platform != "" {
		u.RawQuery = url.Values{"platform": {platformJSON(platform)}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrName, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, c.refused(resp, name)
	}
	return resp, nil
}

// platformJSON is the form in which the API takes "os/arch[/variant]" since
// version 1.48; older daemons ignore the parameter.
func platformJSON(s string) string {
	part := strings.SplitN(s+"//", "/", 3)
	b, _ := json.Marshal(struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant,omitempty"`
	}{part[0], part[1], strings.Trim(part[2], "/")})
	return string(b)
}

// writer remembers that the error of a copy was its own.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

var errNoAnswer = errors.New("no answer for too long")
