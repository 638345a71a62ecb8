package sdk

import "errors"

// ErrInvalid is wrapped by errors about what the user asked for, as distinct
// from what a builder could not do: ErrOption, ErrSize, and what [Invalid] has
// marked. It crosses the protocol as the gRPC status INVALID_ARGUMENT; banger
// exits with the code for a wrong command line.
var ErrInvalid = errors.New("invalid request")

// Invalid returns err as one that wraps ErrInvalid, with the same text and hint:
// for options that are each right and not together, or for a tree without room
// in the size that was asked for. A nil err stays nil.
func Invalid(err error) error {
	if err == nil {
		return nil
	}
	return &invalid{err}
}

type invalid struct{ error }

func (e *invalid) Unwrap() []error { return []error{e.error, ErrInvalid} }
