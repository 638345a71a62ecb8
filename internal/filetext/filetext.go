// Package filetext reads whole files into strings, of which others can keep
// parts without a copy.
package filetext

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// MaxSize bounds a file in bytes: tens of millions of entries of a tree or an
// index, and what a file that somebody has extended can take of memory.
const MaxSize = 4 << 30

// ErrTooLarge is the error about a file of more than MaxSize bytes.
var ErrTooLarge = errors.New("file too large")

// Read reads the regular file f, from its beginning or from where it stands.
func Read(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() > MaxSize {
		return "", fmt.Errorf("%w: it has %d bytes, where %d are allowed", ErrTooLarge, info.Size(), int64(MaxSize))
	}
	var text strings.Builder
	text.Grow(int(info.Size()))
	_, err = io.Copy(&text, io.LimitReader(f, MaxSize))
	return text.String(), err
}

// Sum is the SHA-256 of s, for which it copies a part of s at a time.
func Sum(s string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for buf := make([]byte, 32<<10); s != ""; {
		n := copy(buf, s)
		h.Write(buf[:n])
		s = s[n:]
	}
	h.Sum(sum[:0])
	return sum
}
