package core

import (
	"errors"
	"os"
	"path/filepath"

	"banger/cas"
	"banger/core/source"
)

// lateDir is a directory for temporary files without names. In the store it is
// made when it is asked for: most images need none. Where the store cannot be
// written it is Config.TempDir itself. It is not safe for concurrent use.
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
	dir, remove, err := l.e.Store.TempDir(l.what)
	if err == nil {
		l.dir, l.remove = dir, remove
		return dir, nil
	}
	if l.e.TempDir == "" || !errors.Is(err, cas.ErrReadOnly) && !errors.Is(err, cas.ErrNoSpace) {
		return "", err
	}
	l.dir, l.inStore = l.e.TempDir, false
	return l.dir, nil
}

// classify gives the errors of writing to the directory their kind.
func (l *lateDir) classify(err error) error {
	if l.inStore && errors.Is(err, source.ErrTemporary) {
		return cas.Classify(err)
	}
	return err
}

// storePlace is the store's directory, or the nearest one above that is there.
func (e *Engine) storePlace() string {
	dir := e.Store.Dir()
	for dir != filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}
