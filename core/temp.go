package core

import (
	"errors"
	"fmt"
	"os"

	"banger/cas"
	"banger/core/source"
)

// tempDir makes a private temporary directory in the store or, where that
// cannot be written, in Config.TempDir. inStore says where it is.
func (e *Engine) tempDir(what string) (dir string, inStore bool, remove func(), err error) {
	dir, remove, err = e.Store.TempDir(what)
	if err == nil || e.TempDir == "" || !errors.Is(err, cas.ErrReadOnly) && !errors.Is(err, cas.ErrNoSpace) {
		return dir, true, remove, err
	}
	dir, elsewhereErr := os.MkdirTemp(e.TempDir, "banger-"+what+"-")
	if elsewhereErr != nil {
		return "", false, nil, fmt.Errorf("%w; and elsewhere: %w", err, elsewhereErr)
	}
	return dir, false, func() { _ = os.RemoveAll(dir) }, nil
}

// lateDir is a temporary directory that is made when it is asked for: most
// images need none, and a store that cannot be written has to give them out
// all the same. It is not safe for concurrent use.
type lateDir struct {
	e       *Engine
	what    string
	dir     string
	inStore bool
	remove  func()
}

func (e *Engine) lateDir(what string) *lateDir {
	return &lateDir{e: e, what: what, inStore: true, remove: func() {}}
}

func (l *lateDir) get() (string, error) {
	if l.dir != "" {
		return l.dir, nil
	}
	dir, inStore, remove, err := l.e.tempDir(l.what)
	if err != nil {
		return "", err
	}
	l.dir, l.inStore, l.remove = dir, inStore, remove
	return dir, nil
}

// classify gives the errors of writing to the directory their kind.
func (l *lateDir) classify(err error) error {
	if l.inStore && errors.Is(err, source.ErrTemporary) {
		return cas.Classify(err)
	}
	return err
}
