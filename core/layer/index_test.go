package layer_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"banger/core/layer"
	"banger/sdk/tree"
)

func encode(t rapid.TB, x *layer.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := layer.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Entries {
		if err := w.Add(&x.Entries[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(x); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sample has names that no tree may have.
func sample() *layer.Index {
	return &layer.Index{DiffID: "sha256:abc", TarSize: 10240, PackSize: 5, HeaderSize: 512, Entries: []tree.Entry{
		{Path: "./", Type: tree.Directory, Mode: 0o755},
		{Path: "/a//b", Type: tree.Regular, Size: 5, Extents: []tree.Extent{{Length: 5}}},
		{Path: "/a//b", Type: tree.Hardlink, Target: "../x", UID: 7},
		{Path: ".wh..wh..opq", Type: tree.Regular, MTime: tree.Time{Sec: -1, Nsec: 1}},
	}}
}

func TestRoundTrip(t *testing.T) {
	for name, x := range map[string]*layer.Index{"empty": {}, "sample": sample()} {
		got, err := layer.Parse(string(encode(t, x)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(x, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
	}
}

func TestRoundTripOfManyEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := &layer.Index{
			DiffID:  rapid.String().Draw(t, "diffID"),
			TarSize: rapid.Int64Range(0, 1<<62).Draw(t, "tar size"), PackSize: rapid.Int64Range(0, 1<<62).Draw(t, "pack size"),
			HeaderSize: rapid.Int64Range(0, 1<<62).Draw(t, "header size"),
		}
		for range rapid.IntRange(0, 300).Draw(t, "count") {
			x.Entries = append(x.Entries, tree.Entry{
				Path: rapid.StringN(1, 300, -1).Draw(t, "path"), Type: tree.Type(rapid.Uint8Range(1, 7).Draw(t, "type")),
				Size: rapid.Int64Range(0, 1<<62).Draw(t, "size"),
			})
		}
		got, err := layer.Parse(string(encode(t, x)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x, got); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
	})
}

func TestDamage(t *testing.T) {
	file := encode(t, sample())
	wantCorrupt := func(b []byte, what string, n int) {
		t.Helper()
		if _, err := layer.Parse(string(b)); !errors.Is(err, layer.ErrCorrupt) {
			t.Fatalf("%s %d of %d: error %v", what, n, len(file), err)
		}
	}
	for n := range file {
		wantCorrupt(file[:n], "cut at", n)
		wantCorrupt(append(bytes.Clone(file[:n]), file[n+1:]...), "without byte", n)
		wantCorrupt(append(append(bytes.Clone(file[:n]), 0), file[n:]...), "zero byte put in at", n)
		for bit := range 8 {
			bad := bytes.Clone(file)
			bad[n] ^= 1 << bit
			wantCorrupt(bad, "bit flipped in byte", n)
		}
	}
	wantCorrupt(append(bytes.Clone(file), 0), "byte appended at", len(file))
	wantCorrupt(append(bytes.Clone(file), file...), "repeated at", len(file))
}

type failing struct{ room int }

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	for room := range len(encode(t, sample())) {
		w, err := layer.NewWriter(&failing{room})
		if err == nil {
			err = w.Add(&sample().Entries[0])
		}
		if err == nil {
			err = w.Close(sample())
		}
		if room < 60 && !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
	}
}

// FuzzParse parses any bytes, as they are and with the checksum they lack. What
// is an index comes back the same.
func FuzzParse(f *testing.F) {
	for _, x := range []*layer.Index{sample(), {}} {
		file := encode(f, x)
		f.Add(file)
		f.Add(file[:len(file)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		sum := sha256.Sum256(input)
		for _, file := range [][]byte{input, append(bytes.Clone(input), sum[:]...)} {
			x, err := layer.Parse(string(file))
			if err != nil {
				if !errors.Is(err, layer.ErrCorrupt) {
					t.Fatalf("error without the sentinel: %v", err)
				}
				continue
			}
			again, err := layer.Parse(string(encode(t, x)))
			if err != nil {
				t.Fatal(err)
			}
			for i := range x.Entries {
				if x.Entries[i].Type != tree.Regular {
					x.Entries[i].SHA256 = [32]byte{} // it is not kept
				}
			}
			if diff := cmp.Diff(x, again); diff != "" {
				t.Error(diff)
			}
		}
	})
}
