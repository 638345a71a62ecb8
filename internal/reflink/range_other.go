//go:build !linux

package reflink

import "errors"

// Range fails with [errors.ErrUnsupported]: macOS clones only whole files,
// clonefile(2).
func Range(int, int64, int, int64, int64) error { return errors.ErrUnsupported }
