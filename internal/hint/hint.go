// Package hint attaches to an error what its reader can do about it, apart
// from the error's text, so that a command line can print the two on lines
// of their own.
package hint

import "errors"

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// With returns err with a hint: a sentence without a full stop, in the
// imperative ("install e2fsprogs"). A nil err stays nil.
func With(err error, text string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, text}
}

// Of returns the outermost hint in err's chain, or "".
func Of(err error) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	return ""
}
