package flatten

import (
	"errors"
	"fmt"

	"banger/internal/hint"
)

// What is wrong with an entry. Every *Error wraps one of these.
var (
	ErrUnsafePath  = errors.New("unsafe path")
	ErrWhiteout    = errors.New("invalid whiteout")
	ErrHardlink    = errors.New("invalid hardlink")
	ErrSymlinkLoop = errors.New("too many symlinks")
	ErrLimit       = errors.New("limit exceeded")
	ErrInvalid     = errors.New("invalid entry")
)

// Error says which entry of which layer cannot be applied, and why.
type Error struct {
	Layer string // diffID
	Entry int    // index in the layer, from 0
	Path  string // the entry's name as it stands in the tar
	Err   error
}

// Error quotes at most the first 200 bytes of the path.
func (e *Error) Error() string {
	return fmt.Sprintf("flatten layer %s: entry %d, %s: %v", e.Layer, e.Entry, quote(e.Path), e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// quote makes a name of an image fit to print.
func quote(s string) string {
	const most = 200
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

// unsafe is an ErrUnsafePath that Options.Contain would allow.
func unsafe(format string, args ...any) error {
	err := fmt.Errorf("%w: %s", ErrUnsafePath, fmt.Sprintf(format, args...))
	return hint.With(err, "pass --unsafe-paths contain to take it inside the root, as a chroot would")
}

// limit is an ErrLimit, with a hint at the flag that raises it unless flag
// is empty.
func limit(flag, format string, args ...any) error {
	err := fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
	if flag == "" {
		return err
	}
	return hint.With(err, "if you trust this image, raise the limit with "+flag)
}
