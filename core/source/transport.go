package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// carrier is the default transport of an Image. Every wait that is not for a body
// is bounded; bodies are watched by blobReader.
type carrier struct {
	strict, lax *http.Transport // lax takes any certificate
	skipVerify  []string
}

func newCarrier(o Options) *carrier {
	return &carrier{httpTransport(o, false), httpTransport(o, true), o.SkipVerify}
}

func httpTransport(o Options, skipVerify bool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, InsecureSkipVerify: skipVerify},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  60 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    16,
		MaxResponseHeaderBytes: 256 << 10,
		ForceAttemptHTTP2:      true,
	}
}

func (t *carrier) RoundTrip(req *http.Request) (*http.Response, error) {
	if hasHost(t.skipVerify, req.URL.Host) {
		return t.lax.RoundTrip(req)
	}
	return t.strict.RoundTrip(req)
}

func (t *carrier) CloseIdleConnections() {
	t.strict.CloseIdleConnections()
	t.lax.CloseIdleConnections()
}

// RootCAs returns the system's certificate authorities and those of the PEM
// files.
func RootCAs(files ...string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("read certificates: %s: %w", path, errNoPEM)
		}
	}
	return pool, nil
}

var errNoPEM = errors.New("no certificate in PEM form")
