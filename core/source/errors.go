package source

import (
	"errors"
	"fmt"
)

// The kinds of failure. Every error of this package that is not a context's
// or the local filesystem's own wraps one of them.
var (
	// ErrReference: the text is no image reference, or its scheme is unknown.
	ErrReference = errors.New("bad image reference")
	// ErrNotFound: the image, tag, file or platform does not exist.
	ErrNotFound = errors.New("not found")
	// ErrAuth: access was refused. Registries answer so for repositories that
	// do not exist, too.
	ErrAuth = errors.New("access denied")
	// ErrAuthFile: Credentials.File cannot be read.
	ErrAuthFile = errors.New("bad file of credentials")
	// ErrNetwork: the other side was not reached, or failed.
	ErrNetwork = errors.New("network failure")
	// ErrRateLimit: the registry refuses more requests for now. It is also an
	// ErrNetwork.
	ErrRateLimit error = rateLimit{}
	// ErrOffline: something would have to be fetched, and must not be. It is
	// also an ErrNotFound.
	ErrOffline error = offlineError{}
	// ErrInvalid: the image is malformed, lies about itself, or is of a kind
	// that cannot be unpacked.
	ErrInvalid = errors.New("invalid image")
	// ErrTemporary: the copy of an archive that is needed meanwhile could not
	// be written to the directory for temporary files.
	ErrTemporary = errors.New("keep temporary copy")
)

type rateLimit struct{}

func (rateLimit) Error() string { return "rate limit reached" }
func (rateLimit) Unwrap() error { return ErrNetwork }

type offlineError struct{}

func (offlineError) Error() string { return "offline, and the store does not have" }
func (offlineError) Unwrap() error { return ErrNotFound }

// invalid makes an ErrInvalid.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// notFound makes an ErrNotFound.
func notFound(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrNotFound, fmt.Errorf(format, args...))
}
