package unpack

import (
	"fmt"
	"math"

	"banger/core/layer"
)

// Admit returns the error that Unpack of a layer would return with the limits
// l, although it has been unpacked before, to the index x. What counts is the
// ratio of the whole layer, and not that of any beginning of it.
func (l Limits) Admit(x *layer.Index, of Layer) error {
	l = l.withDefaults()
	if err := l.admit(x, &of); err != nil {
		return fmt.Errorf("unpack layer %s: %w", of.name(), err)
	}
	return nil
}

func (l *Limits) admit(x *layer.Index, of *Layer) error {
	c := &counted{}
	for i := range x.Entries {
		if err := c.admit(&x.Entries[i], l); err != nil {
			return c.name(&x.Entries[i], err)
		}
		c.entries++
	}
	switch {
	case x.HeaderSize > l.HeaderSize:
		return l.exceeded(limitHeaderSize)
	case x.TarSize > l.TotalSize:
		return l.exceeded(limitTotalSize)
	case of.Size >= 0 && l.ratioExceeded(x.TarSize, of.Size):
		return l.exceeded(limitRatio)
	}
	return nil
}

// Needs returns the least limits that admit the layer with the index x, but for
// the ratio, which depends on its blob: see [NeededRatio].
func Needs(x *layer.Index) Limits {
	n := Limits{Entries: int64(len(x.Entries)), HeaderSize: x.HeaderSize}
	var total int64
	for i := range x.Entries {
		e := &x.Entries[i]
		total += min(e.Size, math.MaxInt64-total)
		n.PathDepth = max(n.PathDepth, depth(e.Path))
		n.FileSize = max(n.FileSize, e.Size)
	}
	n.TotalSize = max(x.TarSize, total)
	return n
}

// NeededRatio returns the least ratio that admits so many bytes of tar from a
// blob of size bytes, -1 if that is not known.
func NeededRatio(tar, size int64) int64 {
	if tar <= ratioFloor || size < 0 {
		return 0
	}
	return tar/(size+1) + 1
}

// Union returns the least limits that admit whatever one of l and m admits.
func (l Limits) Union(m Limits) Limits {
	return Limits{
		Entries: max(l.Entries, m.Entries), PathDepth: max(l.PathDepth, m.PathDepth), HeaderSize: max(l.HeaderSize, m.HeaderSize),
		FileSize: max(l.FileSize, m.FileSize), TotalSize: max(l.TotalSize, m.TotalSize), Ratio: max(l.Ratio, m.Ratio),
	}
}

// Suffice reports whether l admits what needs the limits n at least.
func (l Limits) Suffice(n Limits) bool {
	l = l.withDefaults()
	return l == l.Union(n)
}
