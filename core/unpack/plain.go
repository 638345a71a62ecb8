package unpack

import (
	"hash"

	"banger/internal/twosums"
)

// plainTar is the tar as the last stage reads it, with the sum of all that was
// read. Bytes are summed up when the next ones are asked for, so that a body's
// can go into the body's sum at once.
type plainTar struct {
	in   *pipe
	sum  hash.Hash // of the tar; nil if another stage computes it
	last []byte    // what Slice has returned, and is not in the sum yet
}

// Slice implements [tarread.Source].
func (t *plainTar) Slice(most int) ([]byte, error) {
	t.sumUp()
	b, err := t.in.Slice(most)
	t.last = b
	return b, err
}

// Read implements [io.Reader].
func (t *plainTar) Read(b []byte) (int, error) {
	s, err := t.Slice(len(b))
	return copy(b, s), err
}

// sumUp has the sum take what was read.
func (t *plainTar) sumUp() {
	if t.sum != nil {
		_, _ = t.sum.Write(t.last) // a hash never fails
	}
	t.last = nil
}

// sumUpWith has the sums of a body and of the tar take what Slice has returned
// last.
func (t *plainTar) sumUpWith(body hash.Hash) {
	if t.sum == nil {
		_, _ = body.Write(t.last) // a hash never fails
	} else {
		twosums.Write(t.sum, body, t.last)
	}
	t.last = nil
}
