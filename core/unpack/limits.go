package unpack

import (
	"fmt"
	"strings"

	"banger/internal/hint"
)

// Limits bound what a layer may make banger do. Zero means the default, which
// stands behind each field.
type Limits struct {
	// Entries in the tar: 4 Mi. The largest images have about one million.
	Entries int64 `json:"entries"`
	// PathDepth is the count of components in a name: 1024. Linux paths end
	// at 4096 bytes, which is at most twice that.
	PathDepth int `json:"path_depth"`
	// HeaderSize is the bytes of one extended header, one long name or one
	// sparse map, and of all global headers together: 1 MiB, which is what
	// Go's archive/tar, and with it docker and containerd, take.
	HeaderSize int64 `json:"header_size"`
	// FileSize is the bytes of one file, holes included: 64 GiB.
	FileSize int64 `json:"file_size"`
	// TotalSize is the bytes of all files of a layer together, holes
	// included, and also of its plain tar: 128 GiB. Holes count because their
	// zeros are hashed: it takes a minute or two to hash that much.
	TotalSize int64 `json:"total_size"`
	// Ratio is how many bytes of tar one compressed byte may make: 250. It
	// does not count up to ratioFloor. Deflate's best is 1032, for zeros;
	// programs and texts come to 10.
	Ratio int64 `json:"ratio"`
}

// ratioFloor is how large a tar may get in bytes whatever its ratio: 512 MiB.
// Sparse files that were archived as plain zeros come close to a bomb.
const ratioFloor = 512 << 20

// zstdWindow bounds the window of a zstd frame in bytes, and so the memory to
// decompress it: 128 MiB, the zstd command's own limit.
const zstdWindow = 128 << 20

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		value *int64
		size  int64
	}{
		{&l.Entries, 4 << 20},
		{&l.HeaderSize, 1 << 20},
		{&l.FileSize, 64 << 30},
		{&l.TotalSize, 128 << 30},
		{&l.Ratio, 250},
	} {
		if *f.value == 0 {
			*f.value = f.size
		}
	}
	if l.PathDepth == 0 {
		l.PathDepth = 1024
	}
	return l
}

// LimitError says which limit a layer exceeds. It wraps [ErrLimit].
type LimitError struct {
	Name string // "entries"
	Max  int64  // the limit's value
	Unit string // of Max: "bytes", or empty
	Flag string // of the command line that raises it, "--limit-entries"; empty if none does
}

func (e *LimitError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%v: %s over %d %s", ErrLimit, e.Name, e.Max, e.Unit))
}

// Unwrap returns ErrLimit.
func (e *LimitError) Unwrap() error { return ErrLimit }

// limit is one of the fields of Limits.
type limit int

const (
	limitEntries limit = iota
	limitPathDepth
	limitHeaderSize
	limitFileSize
	limitTotalSize
	limitRatio
)

// exceeded returns the error for a limit.
func (l *Limits) exceeded(which limit) error {
	e := [...]LimitError{
		limitEntries:    {"entries", l.Entries, "", "--limit-entries"},
		limitPathDepth:  {"path depth", int64(l.PathDepth), "", "--limit-depth"},
		limitHeaderSize: {"extended header", l.HeaderSize, "bytes", "--limit-header"},
		limitFileSize:   {"file size", l.FileSize, "bytes", "--limit-file"},
		limitTotalSize:  {"total size", l.TotalSize, "bytes", "--limit-total"},
		limitRatio:      {"compression ratio", l.Ratio, "", "--limit-ratio"},
	}[which]
	return hint.With(&e, "if you trust this image, raise the limit with "+e.Flag)
}

// ratioExceeded reports whether so much plain tar is too much for so many
// compressed bytes.
func (l *Limits) ratioExceeded(plain, compressed int64) bool {
	return plain > ratioFloor && plain/l.Ratio > compressed
}
