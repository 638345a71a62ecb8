// Package nameless makes temporary files that have no name: nobody sees them,
// the directory does not change, and they are gone when they are closed or
// their process is.
package nameless

import (
	"errors"
	"os"
)

// Create makes a file on the filesystem of dir, open for reading and writing; ""
// is as for [os.CreateTemp]. Where the filesystem cannot make one without a name,
// it has one for a moment.
func Create(dir string) (*os.File, error) {
	f, err := Open(dir)
	if dir != "" && !errors.Is(err, errors.ErrUnsupported) {
		return f, err
	}
	if f, err = os.CreateTemp(dir, "banger-"); err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Open is Create but for what it does where there must be a name: its error
// wraps [errors.ErrUnsupported] then.
func Open(dir string) (*os.File, error) { return open(dir) }
