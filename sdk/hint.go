package sdk

import "banger/internal/hint"

// WithHint returns err with what its reader can do about it: a sentence without
// a full stop, in the imperative ("install e2fsprogs"), which banger shows
// below the error. A nil err stays nil.
func WithHint(err error, text string) error { return hint.With(err, text) }
