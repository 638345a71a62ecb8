package source

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// retryPolicy says how often and how soon a request is made again.
type retryPolicy struct {
	first time.Duration // before the second attempt; doubled for each later one
	stall time.Duration // without a byte of a body before it counts as failed
}

// The defaults, and what is the same in every policy.
const (
	firstRetry = 500 * time.Millisecond
	stallLimit = 60 * time.Second
	// connectLimit bounds all that precedes the first request for the image:
	// ping, redirects, token.
	connectLimit = 2 * time.Minute
	maxAttempts  = 4
	// maxRetryAfter is the longest wait that a server can ask for. It is short:
	// a person waits, and quotas of registries last for hours.
	maxRetryAfter = 15 * time.Second
)

func (p retryPolicy) orDefault() retryPolicy {
	if p.first == 0 {
		p.first = firstRetry
	}
	if p.stall == 0 {
		p.stall = stallLimit
	}
	return p
}

// wait sleeps before attempt n (1 is the second), with jitter, or for as long
// as the server asked. It fails when ctx ends first.
func (p retryPolicy) wait(ctx context.Context, n int, asked time.Duration) error {
	d := p.first << (n - 1)
	d = max(asked, d/2+rand.N(d))
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type onceKey struct{}

// once returns a context whose requests are made a single time each.
func once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// retrying is a RoundTripper that repeats requests which failed for reasons
// that may pass. It takes only requests without a body.
type retrying struct {
	next   http.RoundTripper
	policy retryPolicy
}

func (t *retrying) RoundTrip(req *http.Request) (*http.Response, error) {
	for n := 1; ; n++ {
		resp, err := t.next.RoundTrip(req)
		asked, again := retryable(resp, err)
		if !again || n == maxAttempts || req.Body != nil || req.Context().Value(onceKey{}) != nil || req.Context().Err() != nil {
			return resp, err
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
		if err := t.policy.wait(req.Context(), n, asked); err != nil {
			return nil, err
		}
	}
}

// retryable tells whether a request is worth repeating, and how long the
// server wants to be left alone before.
func retryable(resp *http.Response, err error) (time.Duration, bool) {
	if err != nil {
		return 0, passing(err)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	asked, ok := retryAfter(resp.Header)
	return asked, !ok || asked <= maxRetryAfter
}

// retryAfter returns how long a server wants to be left alone (RFC 9110,
// section 10.2.3), rounded up to seconds, and whether it says so.
func retryAfter(h http.Header) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return max(0, time.Until(at)+time.Second-1).Truncate(time.Second), true
}

// passing reports whether a failure of the connection may pass: it broke. A
// host that is unknown or refuses stays so, and one that did not answer in
// time has been waited for long enough.
func passing(err error) bool {
	var dns *net.DNSError
	text := err.Error() // net/http does not export its errors of HTTP/2
	return strings.Contains(text, "stream error: stream ID") || strings.Contains(text, "http2: ") || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, &dns) && dns.IsTemporary
}
