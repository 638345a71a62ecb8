package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

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
	limited, cancel := context.WithTimeoutCause(ctx, connectLimit, errStalled)
	defer cancel()
	a := asking{what: "registry " + c.addr()}
	g, err := c.knock(limited)
	if err == nil && g.answer.StatusCode != http.StatusOK && g.answer.StatusCode != http.StatusUnauthorized {
		a.wait, _ = retryAfter(g.answer.Header)
		err = refusal(g.answer)
	}
	if err != nil {
		return nil, c.classify(ctx, err, a)
	}
	agent := transport.NewUserAgent(&prepared{answer: g.answer, next: g.by}, c.o.UserAgent)
	rt, err := transport.NewWithContext(limited, c.repo.Registry, auth, agent, []string{c.repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, c.classify(ctx, err, a)
	}
	c.scheme = g.answer.Request.URL.Scheme
	c.http = &http.Client{Transport: rt}
	return c.http, nil
}

// knock makes the first request to the registry, GET /v2/, in the ways that
// are allowed: TLS; for one on this machine plain HTTP if there is no TLS;
// and plain HTTP alone where that was asked for. Only the last way is tried
// patiently.
func (c *client) knock(ctx context.Context) (greeting, error) {
	secure := &guard{next: c.base, host: c.addr()}
	if !c.plain && !isLoopback(c.addr()) {
		return c.greet(ctx, &retrying{next: secure, policy: c.policy}, "https")
	}
	if !c.plain {
		g, err := c.greet(ctx, secure, "https")
		if err == nil || ctx.Err() != nil || speaksTLS(err) {
			g.by = &retrying{next: secure, policy: c.policy}
			return g, err
		}
	}
	open := &guard{next: c.base, host: c.addr(), plain: true}
	return c.greet(ctx, &retrying{next: open, policy: c.policy}, "http")
}

// speaksTLS reports whether a handshake failed with somebody who speaks TLS.
func speaksTLS(err error) bool {
	var (
		cert *tls.CertificateVerificationError
		op   *net.OpError
	)
	return errors.As(err, &cert) || errors.As(err, &op) && op.Op == "remote error" // a TLS alert
}

// greeting is a registry's first answer, with the first bytes of its body,
// which need no closing, and how to go on.
type greeting struct {
	by     http.RoundTripper
	answer *http.Response
}

func (c *client) greet(ctx context.Context, rt http.RoundTripper, scheme string) (greeting, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+c.addr()+"/v2/", nil)
	if err != nil {
		return greeting{}, err
	}
	resp, err := (&http.Client{Transport: transport.NewUserAgent(rt, c.o.UserAgent)}).Do(req)
	if err != nil {
		return greeting{}, err
	}
	defer resp.Body.Close()
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return greeting{}, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(head))
	return greeting{rt, resp}, nil
}

// prepared is a RoundTripper that has the answer to the first request already:
// the library's handshake begins with the request that knock has made.
type prepared struct {
	mu     sync.Mutex
	answer *http.Response // nil once it was given
	next   http.RoundTripper
}

func (p *prepared) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	answer := p.answer
	p.answer = nil
	p.mu.Unlock()
	if answer != nil {
		return answer, nil
	}
	return p.next.RoundTrip(req)
}
