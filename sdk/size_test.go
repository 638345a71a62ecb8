package sdk

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	good := map[string]int64{
		"0": 0, "1": 1, "1536": 1536, "7B": 7, "1k": 1 << 10, "1K": 1 << 10, "64M": 64 << 20, "64mb": 64 << 20,
		"64MiB": 64 << 20, "2G": 2 << 30, "1T": 1 << 40, "007": 7,
		"9223372036854775807": math.MaxInt64, "8388607T": 8388607 << 40,
	}
	for s, want := range good {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "M", "-1", "+1", "1.5G", "1 G", " 1", "1e3", "0x10", "1X", "1KK", "1iB", "1MMiB", "1٣",
		"9223372036854775808", "8388608T", "99999999999999999999999", strings.Repeat("9", 1<<20),
	} {
		if got, err := ParseSize(s); err == nil || len(err.Error()) > 500 {
			t.Errorf("ParseSize(%.20q) = %d, %v, want a short error", s, got, err)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"0", "64M", "8388608T", "1KiB", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseSize(s)
		if err != nil {
			return
		}
		digits := s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
		want, ok := new(big.Int).SetString(digits, 10)
		if !ok {
			t.Fatalf("ParseSize(%q) = %d", s, got)
		}
		for range 4 { // the value is that of the digits, times 1024 up to four times
			if want.Cmp(big.NewInt(got)) == 0 {
				break
			}
			want.Mul(want, big.NewInt(1024))
		}
		if want.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("ParseSize(%q) = %d", s, got)
		}
	})
}
