package filetest

import (
	"errors"
	"os"
)

// Damages are what can happen to a file, given its content.
var Damages = map[string]func(path string, b []byte) error{
	"flip":      func(path string, b []byte) error { b[len(b)/2] ^= 1; return os.WriteFile(path, b, 0o600) },
	"zero":      func(path string, b []byte) error { return os.WriteFile(path, make([]byte, len(b)), 0o600) },
	"truncate":  func(path string, b []byte) error { return os.Truncate(path, int64(len(b)/2)) },
	"extend":    func(path string, b []byte) error { return os.WriteFile(path, append(b, 'x'), 0o600) },
	"empty":     func(path string, _ []byte) error { return os.Truncate(path, 0) },
	"delete":    func(path string, _ []byte) error { return os.Remove(path) },
	"directory": func(path string, _ []byte) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
}

// Damage does one of Damages to a file, read-only or not. Rot keeps its time, so
// that nothing but its content tells.
func Damage(path, how string, rot bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	err = errors.Join(os.Chmod(path, 0o600), Damages[how](path, b))
	if rot && how != "delete" {
		err = errors.Join(err, os.Chtimes(path, info.ModTime(), info.ModTime()))
	}
	return err
}
