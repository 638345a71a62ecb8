package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobReader reads a blob from a registry to its promised size, and goes on
// where it stopped when the connection breaks or stalls. After several
// failures in a row without a byte between them it goes on elsewhere, or gives
// up. It is not safe for concurrent use.
type blobReader struct {
	ctx      context.Context
	at       *endpoints
	c        *client // one of them
	desc     v1.Descriptor
	body     io.ReadCloser // nil between connections
	off      int64
	failures int
}

// openBlob begins to read the blob d from where it is to be had, from its
// byte from on.
func (e *endpoints) openBlob(ctx context.Context, d v1.Descriptor, from int64) (io.ReadCloser, error) {
	r := &blobReader{ctx: ctx, at: e, c: e.after(nil), desc: d, off: from}
	if from > 0 && from == d.Size {
		r.body = http.NoBody
		return r, nil
	}
	if err := r.connect(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *blobReader) Read(p []byte) (int, error) {
	for {
		for r.body == nil {
			if err := r.connect(); err != nil {
				return 0, fmt.Errorf("after %d of %d bytes: %w", r.off, r.desc.Size, err)
			}
		}
		n, err := r.body.Read(p)
		r.off += int64(n)
		if n > 0 {
			r.failures = 0
		}
		switch {
		case r.off > r.desc.Size:
			return 0, invalid("the registry sends more than the %d bytes of the manifest", r.desc.Size)
		case err != nil && r.off == r.desc.Size && r.ctx.Err() == nil:
			return n, io.EOF
		case err == nil && n > 0:
			return n, nil
		case err != nil:
			if err := r.broken(err); err != nil {
				return n, err
			}
			if n > 0 {
				return n, nil
			}
		}
	}
}

// broken readies the reader for another connection after a failure, or
// returns the failure that is final.
func (r *blobReader) broken(err error) error {
	_ = r.body.Close()
	r.body = nil
	a := askBlob(r.desc.Digest.String())
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.failures++; r.ctx.Err() != nil || r.failures == maxAttempts {
		err = r.c.classify(r.ctx, fmt.Errorf("after %d of %d bytes: %w", r.off, r.desc.Size, err), a)
		return r.elsewhere(err)
	}
	return r.c.policy.wait(r.ctx, r.failures, 0)
}

// elsewhere has the reader go on at the next endpoint, or returns the error
// if there is none.
func (r *blobReader) elsewhere(err error) error {
	next := r.at.instead(r.ctx, r.c, err)
	if next == nil {
		return err
	}
	r.c, r.failures = next, 0
	return nil
}

// connect asks for the blob from r.off on, wherever it is to be had.
func (r *blobReader) connect() error {
	for {
		err := r.ask()
		if err == nil {
			return nil
		}
		if err := r.elsewhere(err); err != nil {
			return err
		}
	}
}

func (r *blobReader) ask() error {
	resp, err := r.request()
	if err != nil {
		return err
	}
	r.body = resp.Body
	if r.off == 0 {
		return r.checkLength(resp.ContentLength)
	}
	return r.skipTo(resp)
}

// request asks for the blob from r.off on, or for all of it if the registry
// has no such range for it.
func (r *blobReader) request() (*http.Response, error) {
	a := askBlob(r.desc.Digest.String())
	if r.off == 0 {
		return r.c.do(r.ctx, a, http.StatusOK)
	}
	a.header.Set("Range", fmt.Sprintf("bytes=%d-", r.off))
	resp, err := r.c.do(r.ctx, a, http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	if err != nil || resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		return resp, err
	}
	_ = resp.Body.Close()
	a.header.Del("Range")
	return r.c.do(r.ctx, a, http.StatusOK)
}

func (r *blobReader) checkLength(n int64) error {
	if n >= 0 && n != r.desc.Size {
		_ = r.body.Close()
		return invalid("the registry has %d bytes where the manifest says %d", n, r.desc.Size)
	}
	return nil
}

// skipTo brings a response for the rest of the blob to r.off: a server that
// does not know ranges sends all of it.
func (r *blobReader) skipTo(resp *http.Response) error {
	if resp.StatusCode == http.StatusPartialContent {
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != r.off {
			_ = r.body.Close()
			return fmt.Errorf("%w: the registry answers a request for bytes from %d with %.60q",
				ErrNetwork, r.off, resp.Header.Get("Content-Range"))
		}
		return nil
	}
	if _, err := io.CopyN(io.Discard, r.body, r.off); err != nil {
		return r.broken(err)
	}
	return nil
}

func (r *blobReader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}
