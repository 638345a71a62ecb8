package sdk

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseSize parses a number of bytes: decimal digits and, optionally, one of
// K, M, G or T (powers of 1024), which B or iB may follow, in either case.
// So 1536, 64M, 64MB and 64MiB are sizes; 1.5G and -1 are not.
func ParseSize(s string) (int64, error) {
	unit := strings.TrimLeft(s, "0123456789")
	digits := s[:len(s)-len(unit)]
	if digits == "" {
		return 0, fmt.Errorf("parse size %q: want a number of bytes such as 1536, 64M or 2G", clip(s))
	}
	shift, ok := unitShift(strings.ToLower(unit))
	if !ok {
		return 0, fmt.Errorf("parse size %q: unknown unit %q, want K, M, G or T", clip(s), clip(unit))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("parse size %q: more than %d bytes", clip(s), int64(math.MaxInt64))
	}
	return n << shift, nil
}

// unitShift returns the power of two that a lower-case unit stands for.
func unitShift(unit string) (uint, bool) {
	switch unit {
	case "", "b":
		return 0, true
	case "k", "kb", "kib":
		return 10, true
	case "m", "mb", "mib":
		return 20, true
	case "g", "gb", "gib":
		return 30, true
	case "t", "tb", "tib":
		return 40, true
	}
	return 0, false
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
