package cas

import (
	"bytes"
	"context"
	"os"

	"banger/internal/zeros"
)

// equals says whether f, which has the size of the image, has its bytes.
func (src *source) equals(ctx context.Context, f *os.File) (bool, error) {
	e := equality{ctx: ctx, f: f, is: make([]byte, copyStep), want: make([]byte, copyStep)}
	for p, err := range src.pieces() {
		if err != nil {
			return false, err
		}
		if same, err := e.zero(p.at); !same {
			return false, err
		}
		if same, err := e.piece(p); !same {
			return false, err
		}
	}
	return e.zero(src.m.Size)
}

// equality is how far a file is known to be an image.
type equality struct {
	ctx      context.Context
	f        *os.File
	at       int64
	is, want []byte
}

// zero says whether the file has zeros up to end.
func (e *equality) zero(end int64) (bool, error) {
	for e.at < end {
		part, err := e.next(end)
		if err != nil || !zeros.Only(part) {
			return false, err
		}
	}
	return true, nil
}

// piece says whether the file has the bytes of a piece.
func (e *equality) piece(p piece) (bool, error) {
	for e.at < p.at+p.n {
		off := p.off + e.at - p.at
		part, err := e.next(p.at + p.n)
		if err != nil {
			return false, err
		}
		want := e.want[:len(part)]
		if _, err := p.from.ReadAt(want, off); err != nil || !bytes.Equal(part, want) {
			return false, err
		}
	}
	return true, nil
}

// next reads on, up to end.
func (e *equality) next(end int64) ([]byte, error) {
	if err := e.ctx.Err(); err != nil {
		return nil, err
	}
	part := e.is[:min(int64(len(e.is)), end-e.at)]
	_, err := e.f.ReadAt(part, e.at)
	e.at += int64(len(part))
	return part, err
}
