package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"banger/internal/hint"
)

// classify turns the error of a request into one of this package's kinds. It
// claims no more than the registry's answer tells, and shows no secrets.
func (c *client) classify(ctx context.Context, err error, a asking) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask for %s: %w", a.what, context.Cause(ctx))
	}
	return c.scrub(c.kindOf(err, a))
}

func (c *client) kindOf(err error, a asking) error {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return c.unreachable(err)
	}
	says := quote(answer)
	switch status := answer.StatusCode; {
	case status == http.StatusTooManyRequests || has(answer, transport.TooManyRequestsErrorCode):
		return hint.With(fmt.Errorf("%w: %s says %s", ErrRateLimit, c.host(), says), c.rateHint(a.wait))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return c.denied(says)
	case status == http.StatusNotFound || status == http.StatusGone || status == http.StatusUnavailableForLegalReasons:
		return c.missing(answer, a, says)
	case has(answer, transport.NameInvalidErrorCode) || has(answer, transport.TagInvalidErrorCode):
		return fmt.Errorf("%w: %s says %s", ErrReference, c.host(), says)
	case status == http.StatusNotAcceptable:
		return invalid("%s has %s in no format that can be used: %s", c.host(), a.what, says)
	}
	return fmt.Errorf("%w: %s says %s", ErrNetwork, c.host(), says)
}

// denied is for a registry that wants other credentials. Most answer the same
// for a repository that does not exist, so that nobody can tell.
func (c *client) denied(says string) error {
	if c.anonymous {
		err := fmt.Errorf("%w: %s does not give %s to strangers, or has no such repository: it says %s",
			ErrAuth, c.host(), c.repo.RepositoryStr(), says)
		return hint.With(err, fmt.Sprintf("check the name; if the repository is private, run: docker login %s", c.host()))
	}
	err := fmt.Errorf("%w: %s does not give %s to the user of your credentials, or has no such repository: it says %s",
		ErrAuth, c.host(), c.repo.RepositoryStr(), says)
	return hint.With(err, fmt.Sprintf("check the name, or renew your credentials: docker login %s", c.host()))
}

func (c *client) missing(answer *transport.Error, a asking, says string) error {
	switch {
	case has(answer, transport.NameUnknownErrorCode):
		return notFound("%s has no repository %s", c.host(), c.repo.RepositoryStr())
	case has(answer, transport.ManifestUnknownErrorCode), has(answer, transport.BlobUnknownErrorCode):
		return notFound("%s/%s has no %s", c.host(), c.repo.RepositoryStr(), a.what)
	case a.path == "" && answer.Request != nil && answer.Request.URL.Path == "/v2/":
		return hint.With(notFound("%s is no registry: it says %s", c.host(), says), "check the name of the host")
	}
	return notFound("%s/%s: %s: the registry says %s", c.host(), c.repo.RepositoryStr(), a.what, says)
}

func (c *client) rateHint(wait time.Duration) string {
	when := "later"
	if wait > 0 {
		when = "in " + wait.String()
	}
	if c.anonymous {
		return "try again " + when + ", or for a larger quota run: docker login " + c.host()
	}
	return "try again " + when
}

// host is the registry by the name that docker login takes.
func (c *client) host() string {
	host, _, _ := strings.Cut(registryName(c.repo.Tag("latest")), "/")
	return host
}

// unreachable is for failures below HTTP.
func (c *client) unreachable(err error) error {
	err = fmt.Errorf("%w: %w", ErrNetwork, err)
	var (
		dns     *net.DNSError
		plain   tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return hint.With(err, "check the name of the host, and that this machine resolves names")
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return hint.With(err, "the registry speaks plain HTTP; if you trust the network: --plain-http "+c.host())
	case errors.As(err, &unknown):
		return hint.With(err, "give the certificate of the registry's authority by --ca-file, or install it on this machine")
	case errors.As(err, &verify):
		return hint.With(err, "the registry's certificate is not valid for it; see --ca-file and --insecure-skip-verify "+c.host())
	}
	return err
}

func has(e *transport.Error, code transport.ErrorCode) bool {
	return slices.ContainsFunc(e.Errors, func(d transport.Diagnostic) bool { return d.Code == code })
}

// quote is what a registry answered, short enough and safe for a terminal.
func quote(e *transport.Error) string {
	parts := []string{strings.TrimSpace(strconv.Itoa(e.StatusCode) + " " + http.StatusText(e.StatusCode))}
	for _, d := range e.Errors {
		parts = append(parts, strings.Trim(string(d.Code)+": "+d.Message, ": "))
	}
	return clean(strings.Join(parts, "; "), 200)
}

// clean cuts s to n bytes and escapes what does not belong in a line of text.
func clean(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
