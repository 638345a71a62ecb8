package bodies

import (
	"banger/internal/reflink"
	"banger/internal/sparse"
	"banger/sdk/tree"
)

// clone makes the image share the whole blocks of a body with the packs, and
// returns false where that does not work; some may be shared by then.
func (w *worker) clone(b *body) bool {
	e := w.entry(b)
	if w.noClone.Load() || !sparse.Shareable(e) {
		return false
	}
	for i := range e.Extents {
		if err := w.cloneExtent(&e.Extents[i], b.segments); err != nil {
			w.noClone.Store(true)
			return false
		}
	}
	return true
}

func (w *worker) cloneExtent(x *tree.Extent, segments []sparse.Segment) error {
	pack, err := w.packs.Pack(x.Layer)
	if err != nil {
		return err
	}
	end := x.Offset + reflink.Whole(x.Length)
	for _, s := range segments {
		from, to := max(s.Offset, x.Offset), min(s.Offset+s.Length, end)
		if from >= to {
			continue
		}
		err := reflink.Range(int(w.image.Fd()), s.ImageOffset+from-s.Offset, int(pack.Fd()), x.PackOffset+from-x.Offset, to-from)
		if err != nil {
			return err
		}
	}
	return nil
}
