package tarread

import (
	"bytes"
	"fmt"
	"strings"
)

// header is one header block, its fields as they stand.
type header struct {
	name, link     string
	typ            byte
	mode, uid, gid int64
	size, mtime    int64
	block          *[blockSize]byte // for fields that only some types have
	dialect        dialect
}

type dialect byte

const (
	v7 dialect = iota
	ustar
	star
	gnu
)

// dialectOf tells a header's dialect from its magic (tar(5)).
func dialectOf(b *[blockSize]byte) dialect {
	switch {
	case string(b[257:263]) == "ustar\x00" && string(b[508:512]) == "tar\x00":
		return star
	case string(b[257:263]) == "ustar\x00":
		return ustar
	case string(b[257:265]) == "ustar  \x00":
		return gnu
	}
	return v7
}

// parseHeader checks and parses a block that is not all zeros. The result
// refers to b.
func parseHeader(b *[blockSize]byte) (*header, error) {
	if err := verifyChecksum(b); err != nil {
		return nil, err
	}
	h := &header{
		name: text(b[0:100]), link: text(b[157:257]), typ: b[156],
		block: b, dialect: dialectOf(b),
	}
	if prefix := h.prefix(); prefix != "" {
		h.name = prefix + "/" + h.name
	}
	for _, f := range []struct {
		what  string
		raw   []byte
		value *int64
	}{
		{"mode", b[100:108], &h.mode},
		{"uid", b[108:116], &h.uid},
		{"gid", b[116:124], &h.gid},
		{"size", b[124:136], &h.size},
		{"mtime", b[136:148], &h.mtime},
	} {
		var err error
		if *f.value, err = parseNumber(f.raw); err != nil {
			return nil, fmt.Errorf("%q: %s: %w", h.name, f.what, err)
		}
	}
	if h.size < 0 {
		return nil, fmt.Errorf("%q: %w: size %d", h.name, ErrFormat, h.size)
	}
	return h, nil
}

// prefix returns the part of the name that stands apart.
func (h *header) prefix() string {
	switch h.dialect {
	case ustar:
		return text(h.block[345:500])
	case star:
		return text(h.block[345:476])
	case gnu:
		return h.misplacedPrefix()
	}
	return ""
}

// misplacedPrefix finds a ustar prefix in a GNU header, whose format has none:
// Go before 1.8, and so the Docker of that time, wrote one for long names of
// large files. It lies where GNU has atime and ctime, and is told from them by
// being no numbers.
func (h *header) misplacedPrefix() string {
	s := text(h.block[345:500])
	if strings.ContainsFunc(s, func(c rune) bool { return c > 0x7f }) {
		return ""
	}
	for _, field := range [][]byte{h.block[345:357], h.block[357:369]} {
		if _, err := parseNumber(field); err != nil && field[0] != 0 {
			return s
		}
	}
	return ""
}

// verifyChecksum compares the checksum with the sum of the header's bytes,
// unsigned as POSIX has it or signed as some old tars did.
func verifyChecksum(b *[blockSize]byte) error {
	want, err := parseNumber(b[148:156])
	if err != nil {
		return fmt.Errorf("header checksum: %w", err)
	}
	counted := *b
	copy(counted[148:156], "        ") // as which the field itself counts
	var unsigned, signed int64
	for _, c := range counted {
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	if want != unsigned && want != signed {
		return fmt.Errorf("%w: wrong header checksum", ErrFormat)
	}
	return nil
}

// text returns a NUL-terminated or full field.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
