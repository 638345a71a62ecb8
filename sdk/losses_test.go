package sdk

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawLosses(t *rapid.T) []Loss {
	raw := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "raw")) })
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Loss {
		return Loss{
			Path: raw.Draw(t, "path"), Field: raw.Draw(t, "field"), Wanted: raw.Draw(t, "wanted"),
			Got: raw.Draw(t, "got"), Why: rapid.String().Draw(t, "why"),
		}
	}), 0, 20).Draw(t, "losses")
}

func TestLossesRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawLosses(t)
		var file bytes.Buffer
		if err := WriteLosses(&file, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReadLosses(bytes.NewReader(file.Bytes()))
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("read %v, %v, wrote %v", got, err, want)
		}
		// Cut short anywhere, the file holds a beginning of the list or is an error.
		part := file.Bytes()[:rapid.IntRange(0, file.Len()).Draw(t, "cut")]
		if got, err := ReadLosses(bytes.NewReader(part)); err == nil && !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("read %v of a part of %v", got, want)
		}
	})
}

func TestLossesAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10<<20)
	var file bytes.Buffer
	if err := WriteLosses(&file, []Loss{{Path: long, Field: long, Wanted: long, Got: long, Why: long + "\xff"}}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadLosses(&file)
	if err != nil || len(got) != 1 || len(got[0].Path) != maxLossField || len(got[0].Why) != maxLossField {
		t.Errorf("read %d losses, %v", len(got), err)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteLossesFails(t *testing.T) {
	t.Parallel()
	if err := WriteLosses(brokenWriter{}, []Loss{{Path: "a"}}); !errors.Is(err, errBroken) {
		t.Errorf("error is %v", err)
	}
}

func FuzzReadLosses(f *testing.F) {
	var file bytes.Buffer
	_ = WriteLosses(&file, []Loss{{Path: "etc/passwd", Field: "owner", Wanted: "0:0", Got: "1000:1000", Why: "no root"}, {}})
	f.Add(file.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		losses, err := ReadLosses(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteLosses(&again, losses); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadLosses(&again); err != nil || !slices.Equal(got, losses) {
			t.Fatalf("read %v, then %v, %v", losses, got, err)
		}
	})
}
