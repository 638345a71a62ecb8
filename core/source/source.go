package source

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

// Options say how references are opened. The zero value works.
type Options struct {
	// Platform chooses from image indexes. Any but the zero value is insisted
	// upon: an image for another platform is an ErrNotFound. With the zero
	// value a single image is taken whatever its platform is, as other tools
	// do; see the Platform of its Manifest.
	Platform Platform
	// TempDir returns the directory where compressed archives and the daemon's
	// images are kept, unlinked as soon as they are made; nil is the system's.
	// It is called when there is one to keep.
	TempDir func() (string, error)
	// Keychain has the credentials for registries; nil is anonymous.
	Keychain authn.Keychain
	// Transport carries requests to registries; nil is one like
	// [http.DefaultTransport], proxies included, with bounded waits; it is
	// closed with the Image.
	Transport http.RoundTripper
	// UserAgent is sent to registries, followed by that of the client library.
	UserAgent string
	// PlainHTTP are the registries that are spoken to without TLS, as
	// "HOST[:PORT]" of their references; see [ParseHost]. One on this machine
	// need not be among them: it is where it does not speak TLS. No other is.
	PlainHTTP []string
	// SkipVerify are registries, or hosts that they lead to, whose certificates
	// may be anyone's. It is for the default Transport, as is RootCAs.
	SkipVerify []string
	// RootCAs vouch for registries; nil is the system's. See [RootCAs].
	RootCAs *x509.CertPool
	// Mirrors are asked before the registries they stand for, in this order.
	// What a tag means, the first that answers decides.
	Mirrors []Mirror
	// Warn, if not nil, is told why a mirror was of no use. It is called from
	// several goroutines.
	Warn func(text string)
	// DockerHost is the daemon's address (unix:///PATH or tcp://HOST:PORT);
	// "" is unix:///var/run/docker.sock.
	DockerHost string
	// Cached returns a manifest, index or config that the caller has already.
	// The size is -1 where it is not known. What it returns is verified; what
	// is wrong counts as absent. It spares a reference by digest the network.
	Cached func(d digest.Digest, size int64) ([]byte, bool)
	// Offline keeps from opening any connection: of an image in a registry
	// there is what Cached has, and its layers not at all. What is missing is
	// an ErrOffline.
	Offline bool
	// Tagged returns the digest of the manifest that a name meant when the
	// caller last pulled it; see the Name of an Image. It is for Offline.
	Tagged func(name string) (digest.Digest, bool)

	retry retryPolicy // of requests to registries; the zero value is the default
}

// Manifest is the manifest of one image for one platform.
type Manifest struct {
	MediaType string
	Digest    digest.Digest // sha256 of Raw
	Raw       []byte
	Config    v1.Descriptor
	Layers    []v1.Descriptor // lowest first; all digests are sha256
	// Platform is what the index said of the image, else what its config
	// says; zero when neither says anything.
	Platform Platform
	// Indexes are the raw indexes through which the manifest was found,
	// outermost first.
	Indexes [][]byte
}

// Image is an opened image. Its methods are safe for concurrent use.
type Image interface {
	// Name returns the canonical reference: for people, and for the
	// org.opencontainers.image.ref.name of an OCI index.
	Name() string
	// Manifest returns the image's manifest. The caller must not change it.
	Manifest() Manifest
	// Config returns the image's config, which has the digest and the size of
	// the manifest's descriptor.
	Config(ctx context.Context) ([]byte, error)
	// OpenLayer returns the bytes of layer i as the manifest names them,
	// compressed or not. They are not verified. Reads fail soon after ctx
	// ends. The caller closes the stream, before the Image.
	OpenLayer(ctx context.Context, i int) (io.ReadCloser, error)
	// OpenLayerFrom is OpenLayer without the first from bytes, of which a
	// registry is asked for no more than it must.
	OpenLayerFrom(ctx context.Context, i int, from int64) (io.ReadCloser, error)
	// WithoutMirrors has layers come from the image's registry alone from now
	// on, for a caller to whom a mirror gave wrong bytes. It reports whether
	// there are mirrors.
	WithoutMirrors() bool
	// Close lets go of files and connections.
	Close() error
}

// Open parses ref and opens the image it names: manifest and config are
// fetched and verified, layers are not. The caller closes the Image.
func Open(ctx context.Context, ref string, o Options) (Image, error) {
	r, err := ParseReference(ref)
	if err != nil {
		return nil, suggestPath(err, ref)
	}
	im, err := open(ctx, r, o)
	if err != nil {
		err = fmt.Errorf("open image %s: %w", r, err)
		if r.Scheme == SchemeRegistry {
			err = suggestPath(err, ref)
		}
		return nil, err
	}
	return im, nil
}

func open(ctx context.Context, r Reference, o Options) (Image, error) {
	switch {
	case o.Offline && r.Scheme == SchemeRegistry:
		return openOffline(ctx, r, o)
	case o.Offline && r.Scheme == SchemeDockerDaemon:
		return nil, missing("what only the docker daemon has: it would be asked over a socket")
	}
	switch r.Scheme {
	case SchemeOCI:
		return openLayout(ctx, r, o)
	case SchemeOCIArchive:
		return openLayoutArchive(ctx, r, o)
	case SchemeDockerArchive:
		return openDockerArchive(ctx, r, o)
	case SchemeDockerDaemon:
		return openDaemon(ctx, r, o)
	default:
		return openRegistry(ctx, r, o)
	}
}
