package source

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

type compression uint8

const (
	compressionNone compression = iota
	compressionGzip
	compressionZstd
	compressionOther // known, and not supported
)

// magicSize is how many bytes tell a compression.
const magicSize = 6

// compressionOf tells a compression by the first bytes: gzip (RFC 1952),
// zstd (RFC 8878), bzip2, xz and lz4.
func compressionOf(head []byte) compression {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return compressionGzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return compressionZstd
	case bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")),
		bytes.HasPrefix(head, []byte("\x04\x22\x4d\x18")):
		return compressionOther
	}
	return compressionNone
}

// decompress returns the plain bytes of r. Closing does not close r.
func decompress(r io.Reader, c compression) (io.ReadCloser, error) {
	switch c {
	case compressionNone:
		return io.NopCloser(r), nil
	case compressionGzip:
		return gzip.NewReader(r)
	case compressionZstd:
		// 128 MiB is what the zstd command takes without --long.
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, errors.New("compressed with neither gzip nor zstd: decompress it first")
}
