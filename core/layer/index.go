// Package layer reads and writes the index of an unpacked layer: each tar
// entry in tar order, whiteouts included, names verbatim, with all metadata
// and the place of its body in the layer's pack.
//
// The file is: magic; length-delimited records, each a kind byte (entry
// or footer) and a message; the SHA-256 of all before it. The checksum
// makes any damage to the file an error here and never a wrong tree.
package layer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"banger/sdk/tree"
)

// magic opens an index file and holds the format's version.
const magic = "banger layer 1\n"

// ErrCorrupt is wrapped by every error about an index whose bytes are not a
// whole and valid index. The layer counts as absent: unpack it again.
var ErrCorrupt = errors.New("layer index is damaged")

// Index is a whole layer index in memory.
type Index struct {
	DiffID   string // "sha256:HEX" of the plain tar
	TarSize  int64  // bytes of the plain tar
	PackSize int64  // bytes of the pack
	// Entries in tar order. Path and Target are as they stand in the tar;
	// the Layer of every extent is 0.
	Entries []tree.Entry
}

// Writer writes an index entry by entry, for a layer whose digest is not
// known before its end. It is not safe for concurrent use.
type Writer struct {
	w     *bufio.Writer
	sum   hash.Hash
	buf   []byte
	msg   []byte
	count uint64
}

// NewWriter begins an index on w, which it buffers; the caller keeps w.
func NewWriter(w io.Writer) (*Writer, error) {
	sum := sha256.New()
	iw := &Writer{w: bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10), sum: sum}
	if _, err := iw.w.WriteString(magic); err != nil {
		return nil, fmt.Errorf("write layer index: %w", err)
	}
	return iw, nil
}

// Add appends e. It keeps nothing of it.
func (w *Writer) Add(e *tree.Entry) error {
	w.msg = tree.AppendEntry(append(w.msg[:0], recordEntry), e)
	w.count++
	return w.record()
}

// Close writes the footer and the checksum. The index is not valid without
// it. It does not close the underlying writer.
func (w *Writer) Close(diffID string, tarSize, packSize int64) error {
	w.msg = append(w.msg[:0], recordFooter)
	for _, v := range []uint64{w.count, uint64(tarSize), uint64(packSize)} {
		w.msg = binary.AppendUvarint(w.msg, v)
	}
	w.msg = append(w.msg, diffID...)
	if err := w.record(); err != nil {
		return err
	}
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write layer index: %w", err)
	}
	sum := w.sum.Sum(nil)
	if _, err := w.w.Write(sum); err != nil {
		return fmt.Errorf("write layer index: %w", err)
	}
	if err := w.w.Flush(); err != nil {
		return fmt.Errorf("write layer index: %w", err)
	}
	return nil
}

func (w *Writer) record() error {
	w.buf = binary.AppendUvarint(w.buf[:0], uint64(len(w.msg)))
	if _, err := w.w.Write(append(w.buf, w.msg...)); err != nil {
		return fmt.Errorf("write layer index: %w", err)
	}
	return nil
}

// The kinds of records.
const (
	recordEntry  = 1
	recordFooter = 2
)

// Read parses a whole index and checks its checksum. Every error about its
// bytes wraps ErrCorrupt; errors of r are returned as they are.
func Read(r io.Reader) (*Index, error) {
	sum := sha256.New()
	tail := &tailReader{r: r, sum: sum}
	br := bufio.NewReaderSize(tail, 64<<10)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(br, head); err == io.ErrUnexpectedEOF || string(head) != magic && err == nil {
		return nil, readError(nil, "no banger layer index of this version")
	} else if err != nil {
		return nil, readError(err, "no banger layer index of this version")
	}
	records := &recordReader{}
	var msg []byte
	for done := false; !done; {
		var err error
		if msg, err = tree.ReadMessage(br, msg); err != nil {
			return nil, readError(err, fmt.Sprintf("record %d", records.count))
		}
		if done, err = records.add(msg); err != nil {
			return nil, fmt.Errorf("read layer index: record %d: %w: %w", records.count, ErrCorrupt, err)
		}
	}
	if _, err := br.ReadByte(); err == nil || !errors.Is(err, io.EOF) {
		return nil, readError(err, "bytes after the footer")
	}
	if !bytes.Equal(sum.Sum(nil), tail.held) {
		return nil, readError(nil, "checksum mismatch")
	}
	return records.index(), nil
}

// recordReader collects the records of an index. It keeps entries in parts, so
// that it copies each once however many there are.
type recordReader struct {
	Index
	parts   [][]tree.Entry
	count   uint64 // of entries
	decoder tree.Decoder
}

// The first part has room for minPart entries, and none for more than maxPart.
const minPart, maxPart = 64, 4096

func (r *recordReader) index() *Index {
	x := r.Index // of its own: the parts go
	x.Entries = slices.Concat(r.parts...)
	return &x
}

// keep adds an entry.
func (r *recordReader) keep(e tree.Entry) {
	k := len(r.parts) - 1
	if k < 0 || len(r.parts[k]) == cap(r.parts[k]) {
		r.parts = append(r.parts, make([]tree.Entry, 0, min(max(r.count, minPart), maxPart)))
		k++
	}
	r.parts[k] = append(r.parts[k], e)
	r.count++
}

func (r *recordReader) add(msg []byte) (done bool, err error) {
	if len(msg) == 0 {
		return false, errors.New("empty record")
	}
	switch kind, body := msg[0], msg[1:]; kind {
	case recordEntry:
		e, err := r.decoder.Entry(body)
		if err != nil {
			return false, err
		}
		r.keep(e)
		return false, nil
	case recordFooter:
		return true, r.setFooter(body)
	default:
		return false, fmt.Errorf("unknown kind %d", kind)
	}
}

func (r *recordReader) setFooter(b []byte) error {
	var v [3]uint64
	for i := range v {
		n := 0
		if v[i], n = binary.Uvarint(b); n <= 0 || v[i] > 1<<62 {
			return errors.New("bad number in the footer")
		}
		b = b[n:]
	}
	if v[0] != r.count {
		return fmt.Errorf("%d entries where the footer says %d", r.count, v[0])
	}
	r.TarSize, r.PackSize, r.DiffID = int64(v[1]), int64(v[2]), string(b)
	return nil
}

func readError(err error, what string) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, tree.ErrCorrupt) {
		return fmt.Errorf("read layer index: %w: %s", ErrCorrupt, what)
	}
	return fmt.Errorf("read layer index: %s: %w", what, err)
}

// tailReader passes on all but the last sha256.Size bytes of r, hashing what
// it passes on, and holds those last bytes back.
type tailReader struct {
	r    io.Reader
	sum  hash.Hash
	held []byte
}

func (t *tailReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	buf := make([]byte, len(p))
	for {
		n, err := t.r.Read(buf)
		t.held = append(t.held, buf[:n]...)
		if out := len(t.held) - sha256.Size; out > 0 {
			out = min(out, len(p))
			copy(p, t.held[:out])
			t.sum.Write(p[:out])
			t.held = append(t.held[:0], t.held[out:]...)
			return out, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
