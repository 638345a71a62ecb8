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
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"banger/sdk/tree"
)

// magic opens an index file and holds the format's version.
const magic = "banger layer 2\n"

// ErrCorrupt is wrapped by every error about an index whose bytes are not a
// whole and valid index. The layer counts as absent: unpack it again.
var ErrCorrupt = errors.New("layer index is damaged")

// Index is a whole layer index in memory.
type Index struct {
	DiffID   string // "sha256:HEX" of the plain tar
	TarSize  int64  // bytes of the plain tar
	PackSize int64  // bytes of the pack
	// HeaderSize is the bytes of the largest extended header of the tar, or
	// whatever else counts as one.
	HeaderSize int64
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

// Close writes the footer, which has all of x but its entries, and the
// checksum. The index is not valid without it. It does not close the
// underlying writer.
func (w *Writer) Close(x *Index) error {
	w.msg = append(w.msg[:0], recordFooter)
	for _, v := range []uint64{w.count, uint64(x.TarSize), uint64(x.PackSize), uint64(x.HeaderSize)} {
		w.msg = binary.AppendUvarint(w.msg, v)
	}
	w.msg = append(w.msg, x.DiffID...)
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
