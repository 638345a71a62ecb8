package cas

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"banger/internal/hint"
)

// The errors that callers tell apart, with errors.Is.
var (
	// ErrNotFound: the store does not have the object.
	ErrNotFound = errors.New("not in the store")
	// ErrCorrupt: the object was there and was bad. It has been moved to
	// quarantine where the store can be written, and counts as absent: the
	// error is an [ErrNotFound] too, so ask for ErrCorrupt first.
	ErrCorrupt = errors.New("damaged in the store")
	// ErrReadOnly: the caller may not write to the store.
	ErrReadOnly = errors.New("store is read-only")
	// ErrNoSpace: the disk or the user's quota is full (ENOSPC, EDQUOT).
	ErrNoSpace = errors.New("no space left")
	// ErrVersion: the directory is not a store of a version that this
	// program knows.
	ErrVersion = errors.New("not a store of a known version")
	// ErrTooLarge: an object is larger than what the caller or the store
	// allows.
	ErrTooLarge = errors.New("too large")
	// ErrNoLocks: the store's filesystem has no file locks, or none that are
	// known to hold between hosts. Objects are safe there, gc is not.
	ErrNoLocks = errors.New("no dependable file locks")
	// ErrBusy: another process is doing what only one may do at a time, or
	// uses what was to be removed.
	ErrBusy = errors.New("in use by another process")
	// ErrMismatch: what was written is not what was promised, in digest or
	// in size.
	ErrMismatch = errors.New("content mismatch")
	// ErrIsDirectory: a directory stands where a file was to be written.
	ErrIsDirectory = errors.New("is a directory")
	// ErrNotRegular: something that is no regular file stands where one is
	// to be read or written.
	ErrNotRegular = errors.New("not a regular file")
)

// corruptError is an object found bad: ErrCorrupt and ErrNotFound at once.
type corruptError struct {
	what string
	why  error
}

func (e *corruptError) Error() string {
	return fmt.Sprintf("%s: %v: %v", e.what, ErrCorrupt, e.why)
}

func (e *corruptError) Unwrap() []error { return []error{ErrCorrupt, ErrNotFound, e.why} }

// Classify gives an error of a write below the store's directory its kind:
// ENOSPC and EDQUOT become an [ErrNoSpace], EROFS, EACCES and EPERM an
// [ErrReadOnly]. The store has done so with every error it returns; callers
// need it for what they write themselves to the files of a [LayerWriter], an
// [ArtifactWriter] or a temporary directory. Other errors, and nil, are
// returned as they are.
func Classify(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNoSpace), errors.Is(err, ErrReadOnly):
		return err
	case noSpace(err):
		return hint.With(fmt.Errorf("%w: %w", ErrNoSpace, err), "free space on the store's filesystem, or use another store")
	case errors.Is(err, unix.EROFS), errors.Is(err, fs.ErrPermission):
		return hint.With(fmt.Errorf("%w: %w", ErrReadOnly, err), "use a store that you may write to")
	case errors.Is(err, unix.EXDEV):
		return hint.With(err, "keep all directories of the store on one filesystem")
	default:
		return err
	}
}

func noSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
