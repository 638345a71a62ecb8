package source

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// TestBombArchive wants an archive given up that keeps growing: as if all that
// is always allowed had been written already.
func TestBombArchive(t *testing.T) {
	in := &countingReader{r: strings.NewReader("compressed"), n: alwaysAllowed/maxRatio + 1}
	w := &ratioWriter{w: io.Discard, in: in, n: alwaysAllowed}
	if n, err := w.Write(make([]byte, maxRatio-1)); n != maxRatio-1 || err != nil {
		t.Errorf("within the ratio: %d, %v", n, err)
	}
	_, err := w.Write(make([]byte, 2*maxRatio))
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "the archive decompresses to more than 200 times its size") {
		t.Errorf("got %v", err)
	}
}
