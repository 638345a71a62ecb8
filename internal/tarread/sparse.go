package tarread

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"banger/sdk/tree"
)

// sparse reports whether the records describe a sparse file.
func (recs records) sparse() bool {
	for _, key := range []string{sparseMajor, sparseMinor, sparseMap, sparseBlocks} {
		if recs[key] != "" {
			return true
		}
	}
	return false
}

// sparse reads m's sparse map, whichever form it has, and checks it.
func (r *Reader) sparse(m *Member, h *header, ext *extensions) error {
	if m.Type != tree.Regular {
		return fmt.Errorf("%w: a sparse %s", ErrFormat, m.Type)
	}
	var segments []Segment
	var size int64
	var err error
	version := ext.pax[sparseMajor] + "." + ext.pax[sparseMinor]
	switch {
	case h.typ == 'S':
		segments, size, err = r.oldMap(h)
	case version == "1.0":
		segments, size, err = r.bodyMap(ext.pax)
	case version == "." || version == "0.0" || version == "0.1":
		segments, size, err = headerMap(ext.pax)
	default:
		err = fmt.Errorf("%w: GNU sparse format %s", ErrFormat, version)
	}
	if err != nil {
		return fmt.Errorf("sparse map: %w", err)
	}
	m.Size = size
	m.Segments, err = checkSegments(segments, size, r.left)
	return err
}

// oldMap reads the map of type 'S': four segments in the header, and 21 in
// each extension block that follows it.
func (r *Reader) oldMap(h *header) ([]Segment, int64, error) {
	if h.dialect != gnu {
		return nil, 0, fmt.Errorf("%w: type 'S' without GNU's magic", ErrFormat)
	}
	size, err := parseNumber(h.block[483:495])
	if err != nil {
		return nil, 0, err
	}
	segments, err := appendSegments(nil, h.block[386:482])
	more := h.block[482] != 0
	for read := int64(0); err == nil && more; read += blockSize {
		if !r.takeHeader(read + blockSize) {
			return nil, 0, fmt.Errorf("%w: more than %d bytes", ErrHeaderSize, read)
		}
		if err := readMapBlock(r.r, &r.block); err != nil {
			return nil, 0, err
		}
		segments, err = appendSegments(segments, r.block[:504])
		more = r.block[504] != 0
	}
	return segments, size, err
}

// readMapBlock reads a block, where one must follow.
func readMapBlock(r io.Reader, block *[blockSize]byte) error {
	_, err := io.ReadFull(r, block[:])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return cutShort("in the middle of a sparse map")
	}
	return err
}

// appendSegments parses 24-byte segments up to the first empty one.
func appendSegments(to []Segment, b []byte) ([]Segment, error) {
	for ; len(b) >= 24 && b[0] != 0; b = b[24:] {
		offset, err := parseNumber(b[:12])
		if err != nil {
			return nil, err
		}
		length, err := parseNumber(b[12:24])
		if err != nil {
			return nil, err
		}
		to = append(to, Segment{offset, length})
	}
	return to, nil
}

// headerMap parses the map of the formats 0.0 and 0.1: numbers separated by
// commas.
func headerMap(recs records) ([]Segment, int64, error) {
	size, err := realSize(recs)
	if err != nil || recs[sparseMap] == "" {
		return nil, size, err
	}
	var segments []Segment
	rest, more := recs[sparseMap], true
	for more {
		var s Segment
		for _, v := range []*int64{&s.Offset, &s.Length} {
			if !more {
				return nil, 0, fmt.Errorf("%w: odd count of numbers", ErrFormat)
			}
			var number string
			number, rest, more = strings.Cut(rest, ",")
			if *v, err = parseDecimal(number); err != nil {
				return nil, 0, err
			}
		}
		segments = append(segments, s)
	}
	return segments, size, nil
}

func realSize(recs records) (int64, error) {
	return parseDecimal(firstOf(recs[sparseSize], recs[sparseReal]))
}

// bodyMap reads the map of the format 1.0 from the start of the body: decimal
// numbers, a line each, the first being the count of segments, padded to a
// whole block.
func (r *Reader) bodyMap(recs records) ([]Segment, int64, error) {
	size, err := realSize(recs)
	if err != nil {
		return nil, 0, err
	}
	lines := lineReader{r: r}
	count, err := lines.number()
	if err != nil {
		return nil, 0, err
	}
	var segments []Segment
	for range count {
		var s Segment
		if s.Offset, err = lines.number(); err != nil {
			return nil, 0, err
		}
		if s.Length, err = lines.number(); err != nil {
			return nil, 0, err
		}
		segments = append(segments, s)
	}
	return segments, size, nil
}

// lineReader reads numbers from whole blocks of a member's body.
type lineReader struct {
	r    *Reader
	read int64  // bytes of blocks
	rest []byte // of the blocks read so far
}

func (l *lineReader) number() (int64, error) {
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte{'\n'})
		if ok {
			l.rest = rest
			return parseDecimal(string(line))
		}
		if len(line) > blockSize {
			return 0, fmt.Errorf("%w: no end of a number", ErrFormat)
		}
		if l.read += blockSize; !l.r.takeHeader(l.read) {
			return 0, fmt.Errorf("%w: sparse map", ErrHeaderSize)
		}
		var block [blockSize]byte
		if err := readMapBlock(l.r, &block); err != nil {
			return 0, err
		}
		l.rest = append(bytes.Clone(l.rest), block[:]...)
	}
}

// checkSegments refuses a map that is out of order, overlaps, leaves the file
// or does not account for the stored bytes, and drops empty segments.
func checkSegments(segments []Segment, size, stored int64) ([]Segment, error) {
	var kept []Segment
	var end, sum int64
	for _, s := range segments {
		if s.Offset < end || s.Length < 0 || s.Offset > size || s.Length > size-s.Offset {
			return nil, fmt.Errorf("%w: sparse segment of %d bytes at %d in a file of %d", ErrFormat, s.Length, s.Offset, size)
		}
		end = s.Offset + s.Length
		sum += s.Length
		if s.Length > 0 {
			kept = append(kept, s)
		}
	}
	if sum != stored || size < 0 {
		return nil, fmt.Errorf("%w: sparse map of %d bytes in a file of %d, %d stored", ErrFormat, sum, size, stored)
	}
	return kept, nil
}
