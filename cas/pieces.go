package cas

import (
	"iter"
	"os"
)

// piece is a range of an image that may hold something else than zeros, and
// where its bytes are.
type piece struct {
	at, n int64
	from  *os.File
	off   int64 // in from
	body  bool  // from is a pack
}

// pieces walks an image in the order of its offsets: its bodies, and the data
// of its file where none of them is. What is between the pieces is zero.
func (src *source) pieces() iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		w := pieceWalk{src: src, left: src.bodies, yield: yield}
		for e, err := range extents(src.f, src.m.Size) {
			if err != nil {
				yield(piece{}, err)
				return
			}
			if !w.extent(e) {
				return
			}
		}
		w.bodiesBefore(src.m.Size)
	}
}

// onlyBodies walks the bodies alone, and needs no file of the image.
func (src *source) onlyBodies() iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		w := pieceWalk{src: src, left: src.bodies, yield: yield}
		w.bodiesBefore(src.m.Size)
	}
}

// aroundBodies walks all but the bodies.
func (src *source) aroundBodies() iter.Seq2[piece, error] {
	return func(yield func(piece, error) bool) {
		for p, err := range src.pieces() {
			if !p.body && !yield(p, err) {
				return
			}
		}
	}
}

type pieceWalk struct {
	src   *source
	left  []Body
	at    int64 // the end of the last piece
	yield func(piece, error) bool
}

// extent passes on a range of the file and the bodies up to its end.
func (w *pieceWalk) extent(e extent) bool {
	if !w.bodiesBefore(e.start) {
		return false
	}
	for w.at = max(w.at, e.start); w.at < e.end; {
		end := e.end
		if len(w.left) > 0 {
			end = min(end, w.left[0].Offset)
		}
		if end > w.at && !w.pass(piece{at: w.at, n: end - w.at, from: w.src.f, off: w.at}) {
			return false
		}
		if end < e.end && !w.body() {
			return false
		}
	}
	return true
}

func (w *pieceWalk) bodiesBefore(end int64) bool {
	for len(w.left) > 0 && w.left[0].Offset < end {
		if !w.body() {
			return false
		}
	}
	return true
}

// body passes on the next body.
func (w *pieceWalk) body() bool {
	b := w.left[0]
	w.left = w.left[1:]
	return w.pass(piece{at: b.Offset, n: b.Length, from: w.src.packs[b.Layer], off: b.PackOffset, body: true})
}

func (w *pieceWalk) pass(p piece) bool {
	w.at = p.at + p.n
	return w.yield(p, nil)
}
