package sdk

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"banger/internal/hint"
)

// simple is a format that takes 1 % of an image and 256 bytes an inode for
// itself.
func simple(content, inodes int64) *Sizing {
	return &Sizing{
		Format: "simple", Content: content, Inodes: inodes,
		MinBytes: 1 << 20, MaxBytes: 1 << 40, MaxInodes: 1 << 32, Block: 512, Step: 1 << 20,
		Missing: func(bytes, inodes, free int64) int64 { return content + free + bytes/100 + 256*inodes - bytes },
		InodeCounts: func(bytes, free int64) []int64 {
			return []int64{inodes + (bytes+free)/4096, inodes}
		},
	}
}

func TestSizing(t *testing.T) {
	t.Parallel()
	const m = 1 << 20
	for name, c := range map[string]struct {
		sizing *Sizing
		want   SizePlan
		size   ImageSize
	}{
		"least":         {simple(0, 1), SizePlan{}, ImageSize{m, 1, 0, true}},
		"content":       {simple(10*m, 1), SizePlan{}, ImageSize{11 * m, 1, 0, true}},
		"percent":       {simple(10*m, 1), SizePlan{FreePercent: 50}, ImageSize{16 * m, 1281, 5 * m, true}},
		"a little room": {simple(0, 1), SizePlan{FreeBytes: 1}, ImageSize{m, 1, 512, true}},
		"bytes win":     {simple(10*m, 1), SizePlan{FreeBytes: m, FreePercent: 900}, ImageSize{12 * m, 257, m, true}},
		"inodes":        {simple(0, 1), SizePlan{Inodes: 8192}, ImageSize{3 * m, 8192, 0, true}},
		"exact":         {simple(0, 1), SizePlan{Bytes: 2*m + 1, FreePercent: 20}, ImageSize{2*m + 512, 513, 0, false}},
		"exact, full":   {simple(2*m-m/50-m/500, 1), SizePlan{Bytes: 2 * m}, ImageSize{2 * m, 1, 0, false}},
		"of nothing":    {&Sizing{}, SizePlan{}, ImageSize{0, 0, 0, true}},
		"plain":         {&Sizing{Content: 5}, SizePlan{FreePercent: 100}, ImageSize{10, 0, 5, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := c.sizing.Plan(c.want); err != nil || got != c.size {
				t.Errorf("planned %+v, %v, want %+v", got, err, c.size)
			}
		})
	}
}

func TestSizingRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizing *Sizing
		want   SizePlan
		text   string
		hint   string
	}{
		"minimum":       {simple(0, 1), SizePlan{Bytes: 1<<20 - 1}, "simple size 1048575 below minimum 1048576", "ask for at least 1M, or leave the size to banger"},
		"content":       {simple(3<<20, 1), SizePlan{Bytes: 2 << 20}, "2097152 bytes are asked for and the tree needs 4194304", "ask for a size of at least 4M, or leave it to banger"},
		"inodes":        {simple(0, 9), SizePlan{Inodes: 8}, "8 inodes are asked for and the tree needs 9", "ask for at least 9 inodes, or for none"},
		"negative":      {simple(0, 1), SizePlan{FreeBytes: -1}, "is negative", ""},
		"endless":       {simple(0, 1), SizePlan{Bytes: math.MaxInt64}, "an image is below 1T", ""},
		"at the end":    {simple(0, 1), SizePlan{Bytes: 1<<40 - 1}, "an image is below 1T", ""},
		"endless room":  {simple(0, 1), SizePlan{FreeBytes: math.MaxInt64}, "an image is below 1T", ""},
		"huge percent":  {simple(1<<30, 1), SizePlan{FreePercent: math.MaxInt64}, "an image is below 1T", ""},
		"many inodes":   {simple(0, 1), SizePlan{Inodes: math.MaxInt64}, "it has fewer than 4294967296", ""},
		"inodes' bytes": {simple(0, 1), SizePlan{Inodes: 1<<32 - 1}, "an image is below 1T", ""},
		"no bounds":     {&Sizing{Content: 1}, SizePlan{FreeBytes: math.MaxInt64}, "an image is below", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.sizing.Plan(c.want)
			if !errors.Is(err, ErrSize) || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.text) || hint.Of(err) != c.hint {
				t.Errorf("error is %v, hint %q", err, hint.Of(err))
			}
		})
	}
}

// TestSizingRefusesTrees has trees that no image holds, whatever is asked for.
func TestSizingRefusesTrees(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizing *Sizing
		want   SizePlan
		text   string
	}{
		"content":           {simple(math.MaxInt64, 1), SizePlan{}, "plan simple: the tree needs more, and an image is below 1T"},
		"content and size":  {simple(math.MaxInt64, 1), SizePlan{Bytes: 1 << 30}, "plan simple: the tree needs more, and an image is below 1T"},
		"content and room":  {&Sizing{Content: math.MaxInt64}, SizePlan{FreeBytes: math.MaxInt64}, "the tree needs more"},
		"inodes":            {simple(0, 1<<32), SizePlan{}, "plan simple: the tree needs 4294967296 inodes, and an image has fewer than 4294967296"},
		"inodes, and fewer": {simple(0, 1<<32), SizePlan{Inodes: 8}, "the tree needs 4294967296 inodes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := c.sizing.Plan(c.want); err == nil || errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// TestSizingFits: what is planned holds the content and the room, and a step
// less would not; what an error names as enough is enough.
func TestSizingFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := simple(rapid.Int64Range(0, 1<<32).Draw(t, "content"), rapid.Int64Range(1, 1<<20).Draw(t, "inodes"))
		want := SizePlan{
			FreeBytes:   rapid.Int64Range(0, 1<<32).Draw(t, "free"),
			FreePercent: rapid.IntRange(0, 300).Draw(t, "percent"),
		}
		size, err := s.Plan(want)
		if err != nil {
			t.Fatal(err)
		}
		free := max(want.FreeBytes, size.Free)
		if s.Missing(size.Bytes, size.Inodes, free) > 0 || size.Bytes%s.Step != 0 || size.Bytes < s.MinBytes {
			t.Errorf("%+v does not do", size)
		}
		if less := size.Bytes - s.Step; less >= s.MinBytes && s.Missing(less, size.Inodes, size.Free) <= 0 {
			t.Errorf("%+v, and %d would do", size, less)
		}
		if l := s.Larger(size, 5); l.Bytes <= size.Bytes+5 || l.Bytes%s.Step != 0 || l.Inodes < size.Inodes {
			t.Errorf("%+v becomes %+v", size, l)
		}
		exact := SizePlan{Bytes: rapid.Int64Range(s.MinBytes, 1<<33).Draw(t, "exact")}
		if size, err = s.Plan(exact); err != nil {
			words := strings.Fields(hint.Of(err)) // ask for a size of at least SIZE, …
			enough, parseErr := ParseSize(strings.TrimSuffix(words[7], ","))
			if size, err = s.Plan(SizePlan{Bytes: enough}); err != nil || parseErr != nil {
				t.Fatalf("%q, and then %v, %v", words, err, parseErr)
			}
		}
		if s.Missing(size.Bytes, size.Inodes, 0) > 0 || size.Bytes < exact.Bytes {
			t.Errorf("%+v does not do", size)
		}
	})
}
