package unpack

import (
	"bufio"
	"fmt"
	"io"

	"banger/internal/tarread"
)

const (
	// alignedFrom is the length in bytes from which a run of data starts on a
	// block boundary, so that a builder can share its blocks with an image.
	alignedFrom = 64 << 10
	packBlock   = 4 << 10
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
// their file get one in the pack, after zeros; others follow at once.
func (p *packWriter) begin(s tarread.Segment) error {
	if s.Length < alignedFrom || s.Offset%packBlock != 0 {
		return nil
	}
	return p.write(zeros[:-p.offset&(packBlock-1)])
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
