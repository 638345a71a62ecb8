// Package filetext reads whole files into strings, of which others can keep
// parts without a copy.
package filetext

import (
	"crypto/sha256"
	"io"
	"os"
	"strings"
)

// Read reads f from where it stands to its end.
func Read(f *os.File) (string, error) {
	var text strings.Builder
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		text.Grow(int(info.Size()))
	}
	_, err := io.Copy(&text, f)
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
