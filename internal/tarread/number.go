package tarread

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"banger/sdk/tree"
)

// parseNumber parses a numeric header field: octal digits ended by a space or
// a NUL, or GNU's and star's base-256, a two's complement number marked by the
// field's highest bit. An empty field is 0.
func parseNumber(b []byte) (int64, error) {
	if b[0]&0x80 != 0 {
		return parseBase256(b)
	}
	digits := bytes.TrimLeft(b, " \x00")
	if i := bytes.IndexAny(digits, " \x00"); i >= 0 {
		digits = digits[:i]
	}
	if len(digits) == 0 {
		return 0, nil
	}
	var v int64
	for _, c := range digits {
		if c < '0' || c > '7' || v > math.MaxInt64>>3 {
			return 0, fmt.Errorf("%w: %q is no octal number", ErrFormat, digits)
		}
		v = v<<3 | int64(c-'0')
	}
	return v, nil
}

func parseBase256(b []byte) (int64, error) {
	v := int64(b[0] & 0x3f)
	if b[0]&0x40 != 0 {
		v -= 0x40
	}
	for _, c := range b[1:] {
		if v > math.MaxInt64>>8 || v < math.MinInt64>>8 {
			return 0, fmt.Errorf("%w: base-256 number %x does not fit 64 bits", ErrFormat, b)
		}
		v = v<<8 | int64(c)
	}
	return v, nil
}

// parseDecimal parses a pax number: decimal digits only, within 63 bits.
func parseDecimal(s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no decimal number", ErrFormat, s)
	}
	return int64(v), nil
}

// parseTime parses a pax time: seconds since 1970, with an optional sign and
// fraction. What is finer than nanoseconds is cut off.
func parseTime(s string) (tree.Time, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	sec, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return tree.Time{}, fmt.Errorf("%w: %q is no time", ErrFormat, s)
	}
	nsec, _ := strconv.ParseUint((fraction + "000000000")[:9], 10, 32)
	t := tree.Time{Sec: int64(sec), Nsec: uint32(nsec)}
	if negative {
		if t.Sec = -t.Sec; t.Nsec > 0 {
			t.Sec, t.Nsec = t.Sec-1, 1_000_000_000-t.Nsec
		}
	}
	return t, nil
}

// uint32Of refuses what an inode cannot hold.
func uint32Of(what string, v int64) (uint32, error) {
	if v < 0 || v > math.MaxUint32 {
		return 0, fmt.Errorf("%w: %s %d does not fit 32 bits", ErrFormat, what, v)
	}
	return uint32(v), nil
}
