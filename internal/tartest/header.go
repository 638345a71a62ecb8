// Package tartest makes tar archives by hand for tests: each header field is
// put where tar(5) says, with no tar writer in between that would refuse or
// mend what a hostile or an odd writer leaves. Everything it returns is plain
// bytes; parts are put together with [Join].
//
// It checks nothing. What does not fit into its field is cut off, except
// numbers, which turn into base-256.
package tartest

import (
	"encoding/binary"
	"fmt"
)

// BlockSize is the size of a tar block.
const BlockSize = 512

// Format is the dialect of a header: its magic and what follows the fields
// that all dialects share.
type Format byte

// The dialects.
const (
	Ustar Format = iota // "ustar\0" "00", prefix
	V7                  // no magic; nothing after the link name
	GNU                 // "ustar  \0", sparse map
	Star                // as Ustar with a shorter prefix and "tar\0" at the end
)

// Segment is a run of data in a sparse file.
type Segment struct{ Offset, Length int64 }

// Header holds the fields of one header block. The zero values of Type and
// Format are a regular file ('0') in ustar.
type Header struct {
	Name, Linkname string
	Prefix         string // Ustar and Star only
	Type           byte   // 0 means '0'; for a real NUL use NulType
	NulType        bool   // the type flag is NUL, as in v7
	Mode, UID, GID int64
	Size           int64 // 0 means the length of the body
	MTime          int64
	Major, Minor   int64 // written for device types, or when not 0
	Uname, Gname   string
	Format         Format
	Base256        bool // each number in base-256, not only what needs it

	// Sparse and RealSize make the header an old GNU sparse one ('S', Format
	// GNU), with as many extension blocks as the map needs.
	Sparse   []Segment
	RealSize int64

	// SignedSum has the checksum made from signed bytes, as some old tars did,
	// unless that comes out negative.
	SignedSum bool
	// Patch, if set, may change the finished block before its checksum.
	Patch func(block []byte)
}

// Entry returns one header block, its sparse extension blocks if any, and the
// body padded to whole blocks.
func Entry(h Header, body string) []byte {
	if h.Size == 0 {
		h.Size = int64(len(body))
	}
	out := h.block()
	if h.Sparse != nil {
		out = append(out, h.sparseExtensions()...)
	}
	return append(out, pad([]byte(body))...)
}

func (h *Header) block() []byte {
	b := make([]byte, BlockSize)
	copy(b[0:100], h.Name)
	h.number(b[100:108], h.Mode)
	h.number(b[108:116], h.UID)
	h.number(b[116:124], h.GID)
	h.number(b[124:136], h.Size)
	h.number(b[136:148], h.MTime)
	b[156] = h.typeFlag()
	copy(b[157:257], h.Linkname)
	h.extended(b)
	if h.Patch != nil {
		h.Patch(b)
	}
	Checksum(b, h.SignedSum)
	return b
}

func (h *Header) typeFlag() byte {
	switch {
	case h.NulType:
		return 0
	case h.Type != 0:
		return h.Type
	case h.Sparse != nil:
		return 'S'
	}
	return '0'
}

// extended fills what follows the link name in all dialects but v7.
func (h *Header) extended(b []byte) {
	if h.Format == V7 {
		return
	}
	copy(b[257:265], "ustar\x0000")
	copy(b[265:297], h.Uname)
	copy(b[297:329], h.Gname)
	if h.Type == '3' || h.Type == '4' || h.Major != 0 || h.Minor != 0 {
		h.number(b[329:337], h.Major)
		h.number(b[337:345], h.Minor)
	}
	switch h.Format {
	case GNU:
		copy(b[257:265], "ustar  \x00")
		if h.Sparse != nil {
			h.sparse(b)
		}
	case Star:
		copy(b[345:476], h.Prefix)
		copy(b[508:512], "tar\x00")
	default:
		copy(b[345:500], h.Prefix)
	}
}

// sparse fills the old GNU sparse fields: four segments at 386, a flag for
// extension blocks, the real size at 483.
func (h *Header) sparse(b []byte) {
	for i, s := range h.Sparse[:min(4, len(h.Sparse))] {
		h.segment(b[386+24*i:], s)
	}
	if len(h.Sparse) > 4 {
		b[482] = 1
	}
	h.number(b[483:495], h.RealSize)
}

func (h *Header) sparseExtensions() []byte {
	var out []byte
	rest := h.Sparse[min(4, len(h.Sparse)):]
	for len(rest) > 0 {
		b := make([]byte, BlockSize)
		n := min(21, len(rest))
		for i, s := range rest[:n] {
			h.segment(b[24*i:], s)
		}
		rest = rest[n:]
		if len(rest) > 0 {
			b[504] = 1
		}
		out = append(out, b...)
	}
	return out
}

func (h *Header) segment(b []byte, s Segment) {
	h.number(b[:12], s.Offset)
	h.number(b[12:24], s.Length)
}

// number writes v as NUL-terminated octal, or in base-256 when asked to or
// when it does not fit.
func (h *Header) number(field []byte, v int64) {
	digits := len(field) - 1
	if !h.Base256 && v >= 0 && v>>(3*digits) == 0 {
		copy(field, fmt.Sprintf("%0*o\x00", digits, v))
		return
	}
	fill := byte(0)
	if v < 0 {
		fill = 0xff
	}
	for i := range field {
		field[i] = fill
	}
	var be [8]byte
	binary.BigEndian.PutUint64(be[:], uint64(v))
	n := min(len(field), len(be))
	copy(field[len(field)-n:], be[len(be)-n:])
	field[0] |= 0x80
}

// Checksum writes a header block's checksum into it: the sum of its bytes, as
// signed ones if signed is set and the sum is not negative.
func Checksum(block []byte, signed bool) {
	copy(block[148:156], "        ")
	sum, signedSum := 0, 0
	for _, c := range block[:BlockSize] {
		sum += int(c)
		signedSum += int(int8(c))
	}
	if signed && signedSum >= 0 {
		sum = signedSum
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

func pad(b []byte) []byte {
	return append(b, make([]byte, -len(b)&(BlockSize-1))...)
}
