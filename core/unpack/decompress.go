package unpack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// decompressor is the second stage: it makes the plain tar of the blob, for
// the stage that parses it, and one that hashes it if there is one.
type decompressor struct {
	layer  *Layer
	limits *Limits
	gunzip []string // command for gzip; empty for the library
	format string   // "gzip", "zstd", or "" for a plain tar
	size   int64    // plain bytes made so far
	forked bool     // gunzip was started
}

func (d *decompressor) run(ctx context.Context, in *pipe, outs []*pipe) {
	src, err := d.open(ctx, bufio.NewReaderSize(in, 64<<10))
	letGo := func() error { return nil }
	if err != nil {
		err = d.explain(err)
	} else {
		err, letGo = d.copy(ctx, in, src, outs), src.Close
	}
	for _, out := range outs {
		out.close(err)
	}
	_ = letGo() // it reads only
	in.drain()
}

// copy reads src, which decompresses in.
func (d *decompressor) copy(ctx context.Context, in *pipe, src io.Reader, outs []*pipe) error {
	chunks := newPool()
	for {
		c, err := chunks.get(ctx, int32(len(outs)))
		if err != nil {
			return err
		}
		n, end, readErr := fill(src, c.buf)
		d.size += int64(n)
		c.data = c.buf[:n]
		for _, out := range outs {
			out.send(c)
		}
		if readErr != nil {
			return d.explain(readErr)
		}
		if err := d.checkSize(in.taken.Load()); err != nil || end {
			return err
		}
	}
}

// fill reads until buf is full, and says when that was the end of the stream.
// [io.ReadFull] would not tell a short end from a stream that is cut off.
func fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	for n < len(buf) {
		k, err := r.Read(buf[n:])
		n += k
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// open tells the compression by its first bytes: RFC 1952 section 2.3.1 (with
// deflate, the one method there is), RFC 8878 sections 3.1.1 and 3.1.2.
func (d *decompressor) open(ctx context.Context, in *bufio.Reader) (io.ReadCloser, error) {
	head, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 0x08}):
		d.format = "gzip"
		return d.openGzip(ctx, in)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18}):
		d.format = "zstd"
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// openGzip has the program decompress, where there is one and it is worth it.
func (d *decompressor) openGzip(ctx context.Context, in *bufio.Reader) (io.ReadCloser, error) {
	if len(d.gunzip) > 0 && (d.layer.Size < 0 || d.layer.Size >= programMin) {
		head, err := in.Peek(in.Size())
		if err != nil && err != io.EOF {
			return nil, err
		}
		if plainHeader(head) {
			p, err := startProgram(ctx, d.gunzip, in)
			if err == nil {
				d.forked = true
				return p, nil
			}
		}
	}
	return gzip.NewReader(in)
}

// explain says what an error of the decompressor means.
func (d *decompressor) explain(err error) error {
	switch {
	case errors.Is(err, errUpstream):
		return errUpstream
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("%w: %w", ErrCorrupt, &LimitError{Name: "zstd window", Max: zstdWindow, Unit: "bytes"})
	case d.layer.MediaType != "":
		return fmt.Errorf("%w: %s stream (media type %q): %w", ErrCorrupt, d.format, d.layer.MediaType, noEOF(err))
	}
	return fmt.Errorf("%w: %s stream: %w", ErrCorrupt, d.format, noEOF(err))
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// checkSize judges what was made of so many compressed bytes.
func (d *decompressor) checkSize(compressed int64) error {
	if d.size > d.limits.TotalSize {
		return d.limits.exceeded(limitTotalSize)
	}
	if d.format != "" && d.limits.ratioExceeded(d.size, compressed) {
		return d.limits.exceeded(limitRatio)
	}
	return nil
}
