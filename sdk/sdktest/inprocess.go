package sdktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"banger/sdk"
)

// returnWithin is how long a builder in this process has to return once its
// context has ended, and to describe itself.
const returnWithin = 10 * time.Second

// InProcess returns a Host that calls b's methods. What it cannot see is what
// b prints.
func InProcess(b sdk.Builder) Host { return inProcess{b} }

type inProcess struct{ builder sdk.Builder }

// Describe implements Host.
func (h inProcess) Describe(ctx context.Context) (d sdk.Description, err error) {
	ctx, cancel := context.WithTimeout(ctx, returnWithin)
	defer cancel()
	err = within(ctx, func() (err error) {
		d, err = h.builder.Describe(ctx)
		return err
	})
	return d, err
}

// Build implements Host.
func (h inProcess) Build(ctx context.Context, req *sdk.Request) error {
	err := within(ctx, func() error { return h.builder.Build(ctx, req) })
	if err := errors.Join(err, req.Close()); err != nil {
		return err
	}
	fi, err := os.Lstat(req.Output)
	switch {
	case err != nil:
		return fmt.Errorf("it left no image: %w", err)
	case !fi.Mode().IsRegular():
		return fmt.Errorf("what it left is no regular file but %s", fi.Mode())
	case fi.Size() == 0:
		return errors.New("the image is empty")
	}
	return nil
}

var errIgnored = errors.New("it did not return when its context ended")

// within calls f, and gives it up some time after the end of ctx.
func within(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Errorf("panic: %v", r)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(returnWithin):
		return errIgnored
	}
}
