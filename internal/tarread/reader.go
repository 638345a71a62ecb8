// Package tarread reads tar archives as they come in image layers: v7, ustar,
// star, GNU and pax, sparse files of every GNU kind included. It keeps what
// the archive says: names and targets are verbatim bytes, times go to the
// nanosecond, holes stay holes.
//
// Where tars disagree it reads as the container runtimes do, whose reader is
// Go's archive/tar, with these differences:
//
//   - global pax headers apply to all entries after them, as pax(5) says, and
//     are no entries themselves; GNU.sparse records in them are ignored;
//   - an empty SCHILY.xattr value is an attribute with an empty value, unless
//     it takes away one that a global header gave;
//   - LIBARCHIVE.xattr records count where SCHILY.xattr has no such name;
//   - records of device numbers (SCHILY.devmajor) win over the header's;
//   - a sparse file whose map does not account for exactly the bytes that the
//     archive stores is refused.
//
// Types: NUL, '0', '7' and, as POSIX asks, every unknown one is a regular
// file, but a NUL with a trailing slash on its name is a directory (v7 had no
// other way). Hardlinks, symlinks, directories, devices and fifos have no
// body, whatever their size field says: Go and GNU tar agree on that, and
// where pax did store the body of a hardlink, what follows is no header and
// the archive is refused. Of GNU's own types, 'D' is a directory whose body
// (a list of names) is passed over, 'V' (a volume label) is nothing at all,
// and 'M' and 'N' (parts of a file, lists of renames) are refused.
//
// The archive ends with two zero blocks, or with its last byte at the end of
// an entry. The segments of a sparse file are stored without padding between
// them.
package tarread

import (
	"errors"
	"fmt"
	"io"

	"banger/sdk/tree"
)

// ErrFormat is wrapped by every error about bytes that are no valid tar.
var ErrFormat = errors.New("damaged tar")

// ErrHeaderSize is wrapped by the error about an extended header, a long name
// or a sparse map that is larger than the reader was told to accept.
var ErrHeaderSize = errors.New("extended header too large")

const (
	blockSize = 512
	skipSize  = 1 << 20 // the most bytes asked for at a time where none are kept
)

// Segment is a run of data in a file.
type Segment struct{ Offset, Length int64 }

// Member is one entry of an archive.
type Member struct {
	// Entry holds the metadata; Path and Target are as in the archive. Links,
	// SHA256 and Extents are not set.
	tree.Entry
	// Segments of a regular file are its runs of data in order, none of them
	// empty; between them are holes. Their lengths add up to what Read gives.
	Segments []Segment
}

// Source is what a Reader reads. Its errors at the end are io.EOF, and no
// others wrap that.
type Source interface {
	io.Reader
	// Slice is Read without the copy: it returns from one to most of the next
	// bytes where they lie, to be read only, until the next call of a method,
	// or else an error. most is at least 1.
	Slice(most int) ([]byte, error)
}

// Reader reads one archive. It is not safe for concurrent use.
type Reader struct {
	r         Source
	maxHeader int64
	largest   int64 // what HeaderSize returns
	block     [blockSize]byte
	globals   records
	left      int64 // stored bytes of the current member not yet read
	pad       int64 // bytes after them, up to the next block
	err       error
}

// NewReader returns a reader of the archive r. It reads r in small pieces and
// never past the end of the archive. maxHeader bounds, in bytes, one extended
// header, one long name, one sparse map, and all global headers together.
func NewReader(r Source, maxHeader int64) *Reader {
	return &Reader{r: r, maxHeader: maxHeader, globals: records{}}
}

// Next moves to the next member, passing over what was not read of the
// current one. It returns io.EOF at the end of the archive, errors that wrap
// ErrFormat or ErrHeaderSize, or what the underlying reader returned. After
// an error it returns the same one again.
func (r *Reader) Next() (*Member, error) {
	if r.err != nil {
		return nil, r.err
	}
	var m *Member
	if m, r.err = r.next(); r.err != nil {
		return nil, r.err
	}
	return m, nil
}

func (r *Reader) next() (*Member, error) {
	if err := r.skip(); err != nil {
		return nil, err
	}
	var ext extensions
	for {
		h, err := r.header()
		if err != nil {
			return nil, err
		}
		done, err := r.extend(&ext, h)
		if err != nil {
			return nil, err
		}
		if done {
			return r.member(h, &ext)
		}
	}
}

// HeaderSize returns the least maxHeader, in bytes, with which what was read so
// far could have been.
func (r *Reader) HeaderSize() int64 { return r.largest }

// takeHeader notes a header of so many bytes, and reports whether it may have
// them.
func (r *Reader) takeHeader(size int64) bool {
	r.largest = max(r.largest, size)
	return size <= r.maxHeader
}

// extensions are what the headers before a member say of it.
type extensions struct {
	pax        records
	name, link string // of GNU's 'L' and 'K'
}

// extend reads h into ext if it extends another header, and otherwise says
// that h is a member.
func (r *Reader) extend(ext *extensions, h *header) (member bool, err error) {
	switch h.typ {
	case 'x', 'g', 'L', 'K', 'V':
		r.setBody(h.size)
	default:
		return true, nil
	}
	switch h.typ {
	case 'x':
		ext.pax, err = r.readRecords()
	case 'g':
		err = r.readGlobals()
	case 'L':
		ext.name, err = r.readLong()
	case 'K':
		ext.link, err = r.readLong()
	}
	if err != nil {
		return false, fmt.Errorf("header of type %q: %w", h.typ, err)
	}
	return false, r.skip()
}

func (r *Reader) readLong() (string, error) {
	b, err := r.readPayload()
	return text(b), err
}

// readPayload reads the whole body of an extended header.
func (r *Reader) readPayload() ([]byte, error) {
	if !r.takeHeader(r.left) {
		return nil, fmt.Errorf("%w: %d bytes", ErrHeaderSize, r.left)
	}
	var b []byte
	for r.left > 0 { // grow with what is really there
		start := len(b)
		b = append(b, make([]byte, min(r.left, 64<<10))...)
		n, err := io.ReadFull(r, b[start:])
		if err != nil {
			return nil, err
		}
		b = b[:start+n]
	}
	return b, nil
}

func (r *Reader) setBody(stored int64) {
	r.left = stored
	r.pad = -stored & (blockSize - 1)
}

// Read reads the stored bytes of the current member: the data of its segments
// one after another. It returns io.EOF at their end.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && r.left > 0:
		return n, cutShort("in the middle of a body")
	case errors.Is(err, io.EOF):
		return n, nil
	}
	return n, err
}

// Slice is Read without the copy; see [Source].
func (r *Reader) Slice(most int) ([]byte, error) {
	if r.left == 0 {
		return nil, io.EOF
	}
	b, err := r.r.Slice(int(min(int64(most), r.left)))
	if errors.Is(err, io.EOF) {
		return nil, cutShort("in the middle of a body")
	}
	r.left -= int64(len(b))
	return b, err
}

// skip moves to the end of the current body and its padding. Only the padding
// may be cut off by the end of the archive.
func (r *Reader) skip() error {
	for r.left > 0 {
		if _, err := r.Slice(skipSize); err != nil {
			return err
		}
	}
	for r.pad > 0 {
		b, err := r.r.Slice(int(r.pad))
		r.pad -= int64(len(b))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	r.pad = 0
	return nil
}

// header reads the next header block; io.EOF is the end of the archive.
func (r *Reader) header() (*header, error) {
	if err := r.readBlock(); err != nil {
		return nil, err
	}
	if r.block == [blockSize]byte{} {
		if err := r.readBlock(); err != nil {
			return nil, err
		}
		if r.block != [blockSize]byte{} {
			return nil, fmt.Errorf("%w: a single zero block between entries", ErrFormat)
		}
		return nil, io.EOF
	}
	return parseHeader(&r.block)
}

func (r *Reader) readBlock() error {
	_, err := io.ReadFull(r.r, r.block[:])
	if err == io.ErrUnexpectedEOF { // io.ReadFull's own, not the source's
		return cutShort("in the middle of a header")
	}
	return err
}

func cutShort(where string) error {
	return fmt.Errorf("%w: archive ends %s: %w", ErrFormat, where, io.ErrUnexpectedEOF)
}
