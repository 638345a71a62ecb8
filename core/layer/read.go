package layer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"banger/internal/filetext"
	"banger/sdk/tree"
)

// The kinds of records.
const (
	recordEntry  = 1
	recordFooter = 2
)

// Parse parses a whole index and checks its checksum. The strings of its entries
// are parts of file. Every error wraps ErrCorrupt.
func Parse(file string) (*Index, error) {
	x, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("read layer index: %w: %w", ErrCorrupt, err)
	}
	return x, nil
}

func parse(file string) (*Index, error) {
	text, ok := strings.CutPrefix(file, magic)
	if !ok || len(text) < sha256.Size {
		return nil, errors.New("no banger layer index of this version")
	}
	end := len(file) - sha256.Size
	if sum := filetext.Sum(file[:end]); string(sum[:]) != file[end:] {
		return nil, errors.New("checksum mismatch")
	}
	text = text[:len(text)-sha256.Size]
	n, footer, err := findFooter(text)
	if err != nil {
		return nil, err
	}
	x := &Index{}
	if err := x.setFooter(footer, n); err != nil {
		return nil, err
	}
	return x, x.decode(text, n)
}

// decode decodes the n entries that text begins with.
func (x *Index) decode(text string, n int) error {
	if n == 0 {
		return nil
	}
	x.Entries = make([]tree.Entry, n)
	var d tree.Decoder
	for i := range x.Entries {
		msg, rest, err := tree.CutMessage(text)
		if err == nil {
			err = d.Decode(&x.Entries[i], msg[1:])
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		text = rest
	}
	return nil
}

// findFooter returns how many records the footer comes after, and its body.
func findFooter(text string) (n int, footer string, err error) {
	for ; ; n++ {
		msg, rest, err := tree.CutMessage(text)
		if err == nil && (msg == "" || msg[0] != recordEntry && msg[0] != recordFooter) {
			err = errors.New("neither an entry nor the footer")
		}
		if err != nil {
			return 0, "", fmt.Errorf("record %d: %w", n, err)
		}
		if msg[0] == recordFooter {
			if rest != "" {
				return 0, "", errors.New("bytes after the footer")
			}
			return n, msg[1:], nil
		}
		text = rest
	}
}

// setFooter takes what the footer says, after n entries.
func (x *Index) setFooter(footer string, n int) error {
	b := []byte(footer)
	var v [4]uint64
	for i := range v {
		k := 0
		if v[i], k = binary.Uvarint(b); k <= 0 || v[i] > 1<<62 {
			return errors.New("bad number in the footer")
		}
		b = b[k:]
	}
	if v[0] != uint64(n) {
		return fmt.Errorf("%d entries where the footer says %d", n, v[0])
	}
	x.TarSize, x.PackSize, x.HeaderSize, x.DiffID = int64(v[1]), int64(v[2]), int64(v[3]), string(b)
	return nil
}
