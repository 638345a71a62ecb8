package unpack_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"banger/core/unpack"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// sample has one entry of each type, whiteouts and odd names among them.
func sample() []byte {
	return tartest.Join(
		tartest.Dir("./"), tartest.Dir("d/"),
		tartest.File("d/f", "hello"), tartest.File("d/f", "again"),
		tartest.Hardlink("/d/h", "./d/f"), tartest.Symlink("../up", "//x/../y/"),
		tartest.File("d/.wh.gone", ""), tartest.File("d/.wh..wh..opq", ""),
		tartest.Device("null", '3', 1, 3), tartest.Device("disk", '4', 259, 1), tartest.Fifo("p"),
		tartest.PAX("SCHILY.xattr.user.x=\x00\n", "mtime=-0.5", "uid=4294967295"), tartest.File("x\xff", "xattr"),
		tartest.Entry(tartest.Header{
			Name: "sparse", Mode: 0o600, Format: tartest.GNU, RealSize: 300_000,
			Sparse: []tartest.Segment{{Offset: 4096, Length: 3}, {Offset: 200_000, Length: 2}},
		}, "abcde"),
	)
}

func TestIndexHoldsEachEntryVerbatim(t *testing.T) {
	tar := sample()
	out, x := mustRun(t, gzipped(tar), tar)
	mtime := tree.Time{Sec: tartest.MTime}
	want := []tree.Entry{
		{Path: "./", Type: tree.Directory, Mode: 0o755, MTime: mtime},
		{Path: "d/", Type: tree.Directory, Mode: 0o755, MTime: mtime},
		{Path: "d/f", Type: tree.Regular, Mode: 0o644, MTime: mtime, Size: 5, Extents: []tree.Extent{{Length: 5}}},
		{Path: "d/f", Type: tree.Regular, Mode: 0o644, MTime: mtime, Size: 5, Extents: []tree.Extent{{PackOffset: 5, Length: 5}}},
		{Path: "/d/h", Type: tree.Hardlink, Mode: 0o644, MTime: mtime, Target: "./d/f"},
		{Path: "../up", Type: tree.Symlink, Mode: 0o777, MTime: mtime, Target: "//x/../y/"},
		{Path: "d/.wh.gone", Type: tree.Regular, Mode: 0o644, MTime: mtime},
		{Path: "d/.wh..wh..opq", Type: tree.Regular, Mode: 0o644, MTime: mtime},
		{Path: "null", Type: tree.CharDevice, Mode: 0o600, MTime: mtime, DevMajor: 1, DevMinor: 3},
		{Path: "disk", Type: tree.BlockDevice, Mode: 0o600, MTime: mtime, DevMajor: 259, DevMinor: 1},
		{Path: "p", Type: tree.Fifo, Mode: 0o644, MTime: mtime},
		{
			Path: "x\xff", Type: tree.Regular, Mode: 0o644, UID: 1<<32 - 1, MTime: tree.Time{Sec: -1, Nsec: 5e8},
			Xattrs: []tree.Xattr{{Name: "user.x", Value: "\x00\n"}}, Size: 5, Extents: []tree.Extent{{PackOffset: 10, Length: 5}},
		},
		{
			Path: "sparse", Type: tree.Regular, Mode: 0o600, Size: 300_000,
			Extents: []tree.Extent{{Offset: 4096, PackOffset: 15, Length: 3}, {Offset: 200_000, PackOffset: 18, Length: 2}},
		},
	}
	contents := map[string]string{"d/f": "again", "x\xff": "xattr", "d/.wh.gone": "", "d/.wh..wh..opq": ""}
	for i := range x.Entries {
		e := &x.Entries[i]
		got, ok := content(e, out.pack.Bytes())
		if e.Type != tree.Regular {
			continue
		}
		if !ok {
			t.Errorf("%s: wrong sha256", e.Path)
		}
		if want, known := contents[e.Path]; known && i != 2 && got != want {
			t.Errorf("%s: content %q, want %q", e.Path, got, want)
		}
		e.SHA256 = [32]byte{}
	}
	if diff := cmp.Diff(want, x.Entries); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if x.DiffID != digest.FromBytes(tar).String() || x.TarSize != int64(len(tar)) || x.PackSize != int64(out.pack.Len()) {
		t.Errorf("footer %q %d %d", x.DiffID, x.TarSize, x.PackSize)
	}
}

func TestCompressions(t *testing.T) {
	tar := sample()
	_, want := mustRun(t, tar, tar)
	for _, c := range []struct {
		name     string
		compress func([]byte) []byte
	}{
		{"plain", plain},
		{"gzip", gzipped},
		{"gzip members", pieces(gzipped)},
		{"zstd", zstded},
		{"zstd frames", pieces(zstded)},
		{"zstd skippable frames", skippable},
	} {
		t.Run(c.name, func(t *testing.T) {
			blob := c.compress(tar)
			out, x := mustRun(t, blob, tar)
			if diff := cmp.Diff(want, x); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(out.blob.Bytes(), blob) {
				t.Error("the blob was not written as it came")
			}
			wantResult := unpack.Result{
				Digest: digest.FromBytes(blob), DiffID: digest.FromBytes(tar), Size: int64(len(blob)),
				TarSize: int64(len(tar)), PackSize: 20, Entries: len(want.Entries),
			}
			if out.Result != wantResult {
				t.Errorf("result %+v, want %+v", out.Result, wantResult)
			}
		})
	}
}

func TestEmptyLayers(t *testing.T) {
	for _, c := range []struct {
		name     string
		tar      []byte
		compress func([]byte) []byte
	}{
		{"no bytes", nil, plain},
		{"no bytes, gzip", nil, gzipped},
		{"no bytes, zstd", nil, zstded},
		{"1024 zeros", make([]byte, 1024), plain},
		{"1024 zeros, gzip", make([]byte, 1024), gzipped},
		{"a record of zeros", make([]byte, 10240), gzipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, x := mustRun(t, c.compress(c.tar), c.tar)
			if out.Entries != 0 || len(x.Entries) != 0 || out.pack.Len() != 0 || x.TarSize != int64(len(c.tar)) {
				t.Errorf("%+v, %+v", out.Result, x)
			}
		})
	}
}

func TestUnknownDigests(t *testing.T) {
	tar := sample()
	blob := gzipped(tar)
	for _, l := range []unpack.Layer{
		{Size: -1, DiffID: digest.FromBytes(tar)},
		{Size: -1, Digest: digest.FromBytes(blob)},
		{Size: -1, Digest: digest.SHA512.FromBytes(blob)},
	} {
		out, err := run(t.Context(), bytes.NewReader(blob), l, unpack.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if out.DiffID != digest.FromBytes(tar) || l.Digest == "" && out.Digest != digest.FromBytes(blob) {
			t.Errorf("%+v", out.Result)
		}
	}
	for _, l := range []unpack.Layer{{Size: -1}, {Digest: "sha256:x"}, {DiffID: "md5:1234"}} {
		if _, err := run(t.Context(), bytes.NewReader(blob), l, unpack.Limits{}); err == nil {
			t.Errorf("%+v was accepted", l)
		}
	}
}

// TestDiffIDOfAnotherKind: a tar that is not summed up together with its files
// gives the same layer.
func TestDiffIDOfAnotherKind(t *testing.T) {
	tar := sample()
	blob := gzipped(tar)
	want, err := run(t.Context(), bytes.NewReader(blob), describe(blob, tar), unpack.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []digest.Algorithm{digest.SHA384, digest.SHA512} {
		l := describe(blob, tar)
		l.DiffID = kind.FromBytes(tar)
		got, err := run(t.Context(), bytes.NewReader(blob), l, unpack.Limits{})
		if err != nil || got.DiffID != l.DiffID || got.Entries != want.Entries || !bytes.Equal(got.pack.Bytes(), want.pack.Bytes()) {
			t.Errorf("%s: %+v, %v", kind, got.Result, err)
		}
		l.DiffID = kind.FromString("something else")
		if _, err := run(t.Context(), bytes.NewReader(blob), l, unpack.Limits{}); !errors.Is(err, unpack.ErrDiffID) {
			t.Errorf("%s: a wrong one: %v", kind, err)
		}
	}
}

func TestReadersOfAllPaces(t *testing.T) {
	tar := sample()
	blob := gzipped(tar)
	source := func() *bytes.Reader { return bytes.NewReader(blob) }
	for name, r := range map[string]unpackReader{
		"one byte":        iotest.OneByteReader(source()),
		"half":            iotest.HalfReader(source()),
		"data with error": iotest.DataErrReader(source()),
	} {
		if _, err := run(t.Context(), r, describe(blob, tar), unpack.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type unpackReader interface{ Read([]byte) (int, error) }

func TestProgressCountsCompressedBytes(t *testing.T) {
	tar := sample()
	blob := gzipped(tar)
	var last int64
	var out output
	_, err := unpack.Unpack(t.Context(), iotest.HalfReader(bytes.NewReader(blob)), describe(blob, tar),
		unpack.Dest{Pack: &out.pack, Index: &out.index}, unpack.Limits{}, func(n int64) {
			if n <= last {
				t.Errorf("progress from %d to %d", last, n)
			}
			last = n
		})
	if err != nil || last != int64(len(blob)) {
		t.Errorf("progress ends at %d of %d: %v", last, len(blob), err)
	}
}

func TestPackLayout(t *testing.T) {
	big, small := strings.Repeat("b", 64<<10), strings.Repeat("s", 64<<10-1)
	tar := tartest.Join(
		tartest.File("first", "1"), tartest.File("big", big), tartest.File("small", small), tartest.File("empty", ""),
		tartest.File("big2", big),
		tartest.Entry(tartest.Header{
			Name: "sparse", Format: tartest.GNU, RealSize: 1 << 20, Sparse: []tartest.Segment{
				{Offset: 4096, Length: 64 << 10}, {Offset: 200_000, Length: 1}, {Offset: 300_001, Length: 64 << 10}, {Offset: 1<<20 - 1, Length: 1},
			},
		}, big+"d"+big+"e"),
	)
	out, x := mustRun(t, zstded(tar), tar)
	const block = 4096
	want := map[string][]int64{
		"first": {0}, "big": {block}, "small": {17 * block}, "empty": nil, "big2": {33 * block},
		"sparse": {49 * block, 65 * block, 65*block + 1, 81*block + 1},
	}
	for i := range x.Entries {
		e := &x.Entries[i]
		var got []int64
		for _, ext := range e.Extents {
			got = append(got, ext.PackOffset)
		}
		if diff := cmp.Diff(want[e.Path], got); diff != "" {
			t.Errorf("%s: pack offsets (-want +got): %s", e.Path, diff)
		}
		if _, ok := content(e, out.pack.Bytes()); !ok {
			t.Errorf("%s: wrong sha256", e.Path)
		}
	}
	if int64(out.pack.Len()) != out.PackSize || out.PackSize != 81*block+2 {
		t.Errorf("pack of %d bytes, said to be %d", out.pack.Len(), out.PackSize)
	}
}

func TestFilesLargerThanTheBuffers(t *testing.T) {
	var body strings.Builder
	for i := range 600_000 {
		body.WriteByte(byte(i * i >> 7))
		body.WriteByte(byte(i))
	}
	tar := tartest.Join(tartest.File("a", body.String()), tartest.File("b", body.String()[1:]))
	for _, compress := range []func([]byte) []byte{plain, gzipped, zstded} {
		out, x := mustRun(t, compress(tar), tar)
		for i, want := range []string{body.String(), body.String()[1:]} {
			if got, ok := content(&x.Entries[i], out.pack.Bytes()); !ok || got != want {
				t.Errorf("entry %d: wrong content", i)
			}
		}
	}
}

// TestToFiles writes to files, as the store does, and needs no blob.
func TestToFiles(t *testing.T) {
	tar := sample()
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(t.TempDir(), "")
		must(err)
		defer func() { must(f.Close()) }()
		files[i] = f
	}
	res, err := unpack.Unpack(t.Context(), bytes.NewReader(tar), describe(tar, tar), unpack.Dest{Pack: files[0], Index: files[1]}, unpack.Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := files[0].Stat(); err != nil || fi.Size() != res.PackSize {
		t.Errorf("pack: %v, %v", fi, err)
	}
}

// saying is a blob's writer that says what its digest is.
type saying struct {
	bytes.Buffer
	digest digest.Digest
}

func (s *saying) Digest() digest.Digest { return s.digest }

// TestBlobsOwnDigest takes the digest of a writer that has one, and no SHA-256
// in the place of another.
func TestBlobsOwnDigest(t *testing.T) {
	tar := sample()
	blob := compressions["gzip"](tar)
	other := digest.FromString("something else")
	for _, c := range []struct {
		name         string
		layer, says  digest.Digest
		want         error
		wantComputed digest.Digest
	}{
		{"the same", digest.FromBytes(blob), digest.FromBytes(blob), nil, digest.FromBytes(blob)},
		{"another", digest.FromBytes(blob), other, unpack.ErrDigest, ""},
		{"none wanted", "", other, nil, other},
		{"of another kind", digest.SHA512.FromBytes(blob), other, nil, digest.SHA512.FromBytes(blob)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := describe(blob, tar)
			l.Digest = c.layer
			var pack, index bytes.Buffer
			res, err := unpack.Unpack(t.Context(), bytes.NewReader(blob), l, unpack.Dest{Blob: &saying{digest: c.says}, Pack: &pack, Index: &index}, unpack.Limits{}, nil)
			if !errors.Is(err, c.want) || err == nil && res.Digest != c.wantComputed {
				t.Errorf("got %s, %v", res.Digest, err)
			}
		})
	}
}
