package unpack

import (
	"bufio"
	"fmt"
	"io"

	"banger/internal/reflink"
	"banger/internal/tarread"
)

// packWriter writes a pack from start to end.
type packWriter struct {
	w      *bufio.Writer
	offset int64 // where the next byte goes
}

func newPackWriter(w io.Writer) *packWriter {
	return &packWriter{w: bufio.NewWriterSize(w, chunkSize)}
}

// begin prepares for the data of s. Long runs that lie on a block boundary in
// their file get one in the pack, after zeros, so that a builder can share
// their blocks with an image; others follow at once.
func (p *packWriter) begin(s tarread.Segment) error {
	if s.Length < reflink.Large || !reflink.Aligned(s.Offset) {
		return nil
	}
	return p.write(zeros[:-p.offset&(reflink.Block-1)])
}

func (p *packWriter) write(b []byte) error {
	n, err := p.w.Write(b)
	p.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	return nil
}

func (p *packWriter) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	return nil
}
