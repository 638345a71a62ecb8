package source

import (
	"context"
	"errors"
	"fmt"
	"io"

	"banger/core/source/daemon"
	"banger/internal/hint"
)

func openDaemon(ctx context.Context, r Reference, o Options) (Image, error) {
	c, err := daemon.New(o.DockerHost)
	if err != nil {
		return nil, daemonError(err)
	}
	defer c.Close()
	id, err := c.Find(ctx, r.Rest, o.Platform.String())
	if err != nil {
		return nil, daemonError(err)
	}
	f, err := o.spool(func(w io.Writer) error { return c.Save(ctx, id, o.Platform.String(), w) })
	if err != nil {
		return nil, daemonError(err)
	}
	a, err := newArchive(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read what the docker daemon saved: %w", err)
	}
	im, err := fromDockerArchive(ctx, a, r.String(), "", o)
	if err != nil {
		return nil, fmt.Errorf("read what the docker daemon saved: %w", err)
	}
	return im, nil
}

// daemonError gives an error of the daemon package this package's kind.
func daemonError(err error) error {
	var kind error
	switch {
	case errors.Is(err, daemon.ErrAddress), errors.Is(err, daemon.ErrName):
		kind = ErrReference
	case errors.Is(err, daemon.ErrNoImage):
		kind = ErrNotFound
	case errors.Is(err, daemon.ErrPermission):
		err = hint.With(err, "add yourself to the group docker and log in again, or name another daemon's address")
		kind = ErrAuth
	case errors.Is(err, daemon.ErrUnreachable):
		err = hint.With(err, "start the docker daemon, or name another daemon's address")
		kind = ErrNetwork
	case errors.Is(err, daemon.ErrFailed):
		kind = ErrNetwork
	default:
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}
