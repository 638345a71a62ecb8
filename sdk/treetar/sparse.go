package treetar

import (
	"io"
	"strconv"

	"banger/sdk/tree"
)

// region is a stretch of a sparse file that the archive stores. GNU tar
// starts the bytes of each region on a block boundary of the archive, other
// readers right after the last one, so every region is a whole number of
// blocks long, except one at the end of the file, where it is the last.
type region struct{ offset, length int64 }

// maxMap bounds a sparse map in bytes; Go's archive/tar reads no more.
const maxMap = 1 << 20

// sparseCost is what the headers of a sparse file take more than those of a
// plain one: a pax header and its records.
const sparseCost = 2 * blockSize

// sparseRegions returns the regions to store of e as a sparse file, or nil
// when a plain one is no larger.
func sparseRegions(e *tree.Entry) []region {
	if e.DataSize() == e.Size {
		return nil
	}
	for unit := int64(blockSize); unit < e.Size; unit *= 2 {
		regions := roundExtents(e, unit)
		if len(sparseMap(regions)) > maxMap {
			continue
		}
		if storedSize(regions)+sparseCost >= e.Size {
			return nil
		}
		return regions
	}
	return nil
}

// roundExtents widens e's extents to multiples of unit and joins those that
// then touch. A file that ends in a hole gets an empty region at its end, as
// GNU tar writes it.
func roundExtents(e *tree.Entry, unit int64) []region {
	regions := []region{}
	for _, x := range e.Extents {
		start := x.Offset / unit * unit
		end := e.Size
		if over := (x.Offset + x.Length) % unit; over == 0 || e.Size-x.Offset-x.Length > unit-over {
			end = x.Offset + x.Length + (unit-over)%unit
		}
		if n := len(regions); n > 0 && regions[n-1].end() >= start {
			regions[n-1].length = end - regions[n-1].offset
		} else {
			regions = append(regions, region{start, end - start})
		}
	}
	if n := len(regions); n == 0 || regions[n-1].end() < e.Size {
		regions = append(regions, region{e.Size, 0})
	}
	return regions
}

func (r region) end() int64 { return r.offset + r.length }

// storedSize returns the length of a sparse body in the archive: the map and
// the regions.
func storedSize(regions []region) int64 {
	n := int64(len(sparseMap(regions)))
	for _, r := range regions {
		n += r.length
	}
	return n
}

// sparseMap returns the map that opens a sparse body: the number of regions,
// then offset and length of each, in decimal lines, padded to whole blocks.
func sparseMap(regions []region) []byte {
	b := strconv.AppendInt(nil, int64(len(regions)), 10)
	b = append(b, '\n')
	for _, r := range regions {
		b = append(strconv.AppendInt(b, r.offset, 10), '\n')
		b = append(strconv.AppendInt(b, r.length, 10), '\n')
	}
	return append(b, make([]byte, (blockSize-len(b)%blockSize)%blockSize)...)
}

// sparseName announces a sparse file: its true name and size are records, the
// header has a name that says what a reader without them extracts.
func (w *writer) sparseName(b *block, m *member) {
	w.pax.add("GNU.sparse.major", "1")
	w.pax.add("GNU.sparse.minor", "0")
	w.pax.text("GNU.sparse.name", m.path)
	w.pax.number("GNU.sparse.realsize", m.inode.Size)
	copy(b[0:nameSize], auxiliaryName("GNUSparseFile.0/", m.path))
}

// plainSink writes a file with its holes as zeros.
type plainSink struct{ w io.Writer }

func (s plainSink) Data(_ int64, p []byte) error {
	_, err := s.w.Write(p)
	return err
}

func (s plainSink) Hole(_, length int64) error { return writeZeros(s.w, length) }

// regionSink writes of a file what lies in regions.
type regionSink struct {
	w       io.Writer
	regions []region // those that end past the current offset
}

func (s *regionSink) Data(_ int64, p []byte) error {
	_, err := s.w.Write(p)
	return err
}

func (s *regionSink) Hole(offset, length int64) error {
	end := offset + length
	for len(s.regions) > 0 && s.regions[0].offset < end {
		r := s.regions[0]
		if n := min(r.end(), end) - max(r.offset, offset); n > 0 {
			if err := writeZeros(s.w, n); err != nil {
				return err
			}
		}
		if r.end() > end {
			break
		}
		s.regions = s.regions[1:]
	}
	return nil
}

var zeros [32 << 10]byte

func writeZeros(w io.Writer, n int64) error {
	for n > 0 {
		p := zeros[:min(n, int64(len(zeros)))]
		if _, err := w.Write(p); err != nil {
			return err
		}
		n -= int64(len(p))
	}
	return nil
}
