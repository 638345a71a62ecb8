package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
)

// The kinds of failure.
var (
	ErrAddress     = errors.New("bad address of a docker daemon")
	ErrName        = errors.New("bad name of an image")
	ErrNoImage     = errors.New("no such image")
	ErrUnreachable = errors.New("the docker daemon was not reached")
	ErrPermission  = errors.New("no permission to speak to the docker daemon")
	// ErrFailed: the daemon was reached, and did not do what was asked.
	ErrFailed = errors.New("the docker daemon failed")
)

// failed tells why a request came to nothing.
func (c *Client) failed(ctx context.Context, err error) error {
	var op *net.OpError
	switch cause := context.Cause(ctx); {
	case cause != nil && !errors.Is(cause, errNoAnswer):
		return fmt.Errorf("ask the docker daemon: %w", cause)
	case cause != nil:
		return fmt.Errorf("%w at %s: %w", ErrFailed, c.host, cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w at %s: %w", ErrPermission, c.host, err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.host, err)
	}
	return fmt.Errorf("%w at %s: %w", ErrFailed, c.host, err)
}

// refused turns an answer that is not 200 into an error.
func (c *Client) refused(resp *http.Response, name string) error {
	var body struct {
		Message string `json:"message"`
	}
	says := resp.Status
	if raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10)); err == nil && json.Unmarshal(raw, &body) == nil && body.Message != "" {
		says = fmt.Sprintf("%d: %.200s", resp.StatusCode, body.Message)
	}
	says = strconv.Quote(says)
	switch resp.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("%w: the docker daemon at %s has no %s: it says %s", ErrNoImage, c.host, name, says)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w at %s: it says %s", ErrPermission, c.host, says)
	}
	return fmt.Errorf("%w at %s: it says %s", ErrFailed, c.host, says)
}
