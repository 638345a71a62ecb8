package unpack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"banger/core/layer"
	"banger/core/unpack"
	"banger/sdk/tree"
)

// describe returns what an honest image says of a layer.
func describe(blob, tar []byte) unpack.Layer {
	return unpack.Layer{Digest: digest.FromBytes(blob), Size: int64(len(blob)), DiffID: digest.FromBytes(tar)}
}

// output is what Unpack wrote and returned.
type output struct {
	unpack.Result
	blob, pack, index bytes.Buffer
}

func run(ctx context.Context, r io.Reader, l unpack.Layer, lim unpack.Limits) (*output, error) {
	var out output
	var err error
	out.Result, err = unpack.Unpack(ctx, r, l, unpack.Dest{Blob: &out.blob, Pack: &out.pack, Index: &out.index}, lim, nil)
	return &out, err
}

// mustRun unpacks an honest layer and returns its index too.
func mustRun(t testing.TB, blob, tar []byte) (*output, *layer.Index) {
	t.Helper()
	out, err := run(t.Context(), bytes.NewReader(blob), describe(blob, tar), unpack.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := layer.Parse(out.index.String())
	if err != nil {
		t.Fatal(err)
	}
	return out, x
}

// content returns the content of a file from the pack, and whether its hash
// is the one in the index.
func content(e *tree.Entry, pack []byte) (string, bool) {
	b := make([]byte, e.Size)
	for _, x := range e.Extents {
		copy(b[x.Offset:x.Offset+x.Length], pack[x.PackOffset:x.PackOffset+x.Length])
	}
	return string(b), sha256.Sum256(b) == e.SHA256
}

func plain(b []byte) []byte { return b }

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	must(err)
	must(w.Close())
	return out.Bytes()
}

func zstded(b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	return w.EncodeAll(b, nil)
}

// pieces compresses b in several members or frames.
func pieces(compress func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		out := compress(nil)
		for len(b) > 0 {
			n := min(len(b), 700)
			out = append(out, compress(b[:n])...)
			b = b[n:]
		}
		return append(out, compress(nil)...)
	}
}

// skippable puts skippable frames (RFC 8878 section 3.1.2) around zstd ones.
func skippable(b []byte) []byte {
	frame := "\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"
	return append(append([]byte(frame), zstded(b)...), frame...)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// checkContents reads an index back and checks each file's hash.
func checkContents(t *testing.T, out *output) {
	t.Helper()
	x, err := layer.Parse(out.index.String())
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Entries {
		if e := &x.Entries[i]; e.Type == tree.Regular {
			if _, ok := content(e, out.pack.Bytes()); !ok {
				t.Errorf("%s: wrong sha256", e.Path)
			}
		}
	}
}
