package source

import (
	"context"
	"errors"
	"io"
	"time"
)

// errStalled is the error of a transfer that made no progress.
var errStalled = errors.New("no data arrived for too long")

// watched is the body of a response that fails when a read takes longer than
// limit. It is not safe for concurrent use.
type watched struct {
	body   io.ReadCloser
	cancel context.CancelCauseFunc // ends the request
	limit  time.Duration
	timer  *time.Timer
	late   chan struct{} // closed when the timer has fired
}

// watch wraps the body of a request that cancel ends.
func watch(body io.ReadCloser, cancel context.CancelCauseFunc, limit time.Duration) *watched {
	w := &watched{body: body, cancel: cancel, limit: limit, late: make(chan struct{})}
	w.timer = time.AfterFunc(limit, func() {
		close(w.late)
		cancel(errStalled)
	})
	w.timer.Stop()
	return w
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.limit)
	n, err := w.body.Read(p)
	w.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		select {
		case <-w.late:
			err = errStalled
		default:
		}
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	w.cancel(nil)
	return w.body.Close()
}
