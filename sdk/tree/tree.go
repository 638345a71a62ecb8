package tree

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"google.golang.org/protobuf/encoding/protowire"
)

// formatVersion is TreeHeader.version.
const formatVersion = 1

// maxMessage bounds one message of a tree file in bytes. An entry holds its
// path, its xattrs and its extents, which banger bounds to far less.
const maxMessage = 64 << 20

// MediaType of a tree file.
const MediaType = "application/vnd.banger.tree.v1"

// firstEntries is for how many entries there is room at first, whatever the
// header says. More comes with what is really there.
const firstEntries = 32 << 10

// ErrCorrupt is wrapped by every error about a tree file whose bytes are not
// a valid tree.
var ErrCorrupt = errors.New("not a valid tree")

// Tree is a whole flattened root in memory: metadata only, contents stay in
// the packs of its Layers.
type Tree struct {
	Layers  []string // diffIDs ("sha256:HEX") that extents refer to
	Entries []Entry  // sorted by Path; the first is the root ""
}

// Lookup returns the entry at path, or nil. The tree must be sorted.
func (t *Tree) Lookup(path string) *Entry {
	if i := t.Index(path); i >= 0 {
		return &t.Entries[i]
	}
	return nil
}

// Index returns the index of the entry at path, or -1. The tree must be
// sorted.
func (t *Tree) Index(path string) int {
	i := sort.Search(len(t.Entries), func(i int) bool { return t.Entries[i].Path >= path })
	if i == len(t.Entries) || t.Entries[i].Path != path {
		return -1
	}
	return i
}

// WriteTo writes the canonical tree file. Equal trees give equal bytes.
func (t *Tree) WriteTo(w io.Writer) (int64, error) {
	bw := bufio.NewWriterSize(w, 64<<10)
	var n int64
	var buf, msg []byte
	put := func() error {
		buf = protowire.AppendBytes(buf[:0], msg)
		k, err := bw.Write(buf)
		n += int64(k)
		return err
	}
	msg = t.appendHeader(nil)
	if err := put(); err != nil {
		return n, fmt.Errorf("write tree: %w", err)
	}
	for i := range t.Entries {
		msg = AppendEntry(msg[:0], &t.Entries[i])
		if err := put(); err != nil {
			return n, fmt.Errorf("write tree: %w", err)
		}
	}
	if err := bw.Flush(); err != nil {
		return n, fmt.Errorf("write tree: %w", err)
	}
	return n, nil
}

func (t *Tree) appendHeader(b []byte) []byte {
	b = appendUint(b, headerVersion, formatVersion)
	for _, l := range t.Layers { // repeated: an empty one counts, too
		b = protowire.AppendString(protowire.AppendTag(b, headerLayers, protowire.BytesType), l)
	}
	return appendUint(b, headerEntries, uint64(len(t.Entries)))
}

// Read parses a whole tree file and validates it. Errors about its content
// wrap ErrCorrupt.
func Read(r io.Reader) (*Tree, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	t, count, err := readHeader(br)
	if err != nil {
		return nil, err
	}
	var buf []byte
	var d Decoder
	for i := range count {
		if buf, err = readMessage(br, buf); err != nil {
			return nil, fmt.Errorf("read tree: entry %d of %d: %w", i, count, err)
		}
		e, err := d.Entry(buf)
		if err != nil {
			return nil, fmt.Errorf("read tree: entry %d: %w: %w", i, ErrCorrupt, err)
		}
		if n := len(t.Entries); n == cap(t.Entries) {
			t.Entries = slices.Grow(t.Entries, int(min(count-i, uint64(max(n, firstEntries)))))
		}
		t.Entries = append(t.Entries, e)
	}
	if _, err := br.ReadByte(); err == nil {
		return nil, fmt.Errorf("read tree: %w: bytes after the last entry", ErrCorrupt)
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	if err := t.Validate(); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return t, nil
}

// ReadLayers parses the beginning of a tree file and returns the diffIDs of its
// layers, for those who need no more of it. Its errors are those of Read; what
// follows in r is read in part, and not looked at.
func ReadLayers(r io.Reader) ([]string, error) {
	t, _, err := readHeader(bufio.NewReader(r))
	if err != nil {
		return nil, err
	}
	return t.Layers, nil
}

func readHeader(br *bufio.Reader) (*Tree, uint64, error) {
	buf, err := readMessage(br, nil)
	if err != nil {
		return nil, 0, fmt.Errorf("read tree header: %w", err)
	}
	t := &Tree{}
	var version, count uint64
	err = eachField(buf, func(f field) (err error) {
		switch f.num {
		case headerVersion:
			version, err = f.uint()
		case headerLayers:
			var l string
			l, err = f.text()
			t.Layers = append(t.Layers, l)
		case headerEntries:
			count, err = f.uint()
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read tree header: %w: %w", ErrCorrupt, err)
	}
	if version != formatVersion {
		return nil, 0, fmt.Errorf("read tree header: %w: format version %d, this banger reads %d", ErrCorrupt, version, formatVersion)
	}
	return t, count, nil
}

// ReadMessage reads one length-delimited message into buf, growing it as
// needed, and returns it. At a clean end it returns io.EOF, in the middle of
// a message an error that wraps ErrCorrupt. Messages over 64 MiB are refused.
// Errors of the underlying reader are returned as they are.
func ReadMessage(br *bufio.Reader, buf []byte) ([]byte, error) {
	if _, err := br.Peek(1); err != nil {
		return nil, err
	}
	return readMessage(br, buf)
}

// readMessage reads a message that must be there.
func readMessage(br *bufio.Reader, buf []byte) ([]byte, error) {
	n, err := readLength(br)
	if err != nil {
		return nil, err
	}
	buf = buf[:0]
	for remaining := n; remaining > 0; {
		chunk := min(remaining, 1<<20) // grow with what is really there
		start := len(buf)
		buf = append(buf, make([]byte, chunk)...)
		_, err := io.ReadFull(br, buf[start:])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, errCutShort
		}
		if err != nil {
			return nil, err
		}
		remaining -= chunk
	}
	return buf, nil
}

// readLength reads the varint before a message.
func readLength(br *bufio.Reader) (int, error) {
	var b [binary.MaxVarintLen64]byte
	for i := range b {
		var err error
		b[i], err = br.ReadByte()
		if err == io.EOF {
			return 0, errCutShort
		}
		if err != nil {
			return 0, err
		}
		n, k := binary.Uvarint(b[:i+1])
		if n > maxMessage {
			return 0, fmt.Errorf("%w: message of %d bytes", ErrCorrupt, n)
		}
		if k > 0 {
			return int(n), nil
		}
	}
	return 0, fmt.Errorf("%w: message length %x", ErrCorrupt, b)
}

var errCutShort = fmt.Errorf("%w: %w", ErrCorrupt, io.ErrUnexpectedEOF)
