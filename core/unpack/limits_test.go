package unpack_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/unpack"
	"banger/internal/hint"
	"banger/internal/tartest"
)

func TestLimits(t *testing.T) {
	hole := func(size int64) []byte {
		return tartest.Entry(tartest.Header{Name: "h", Format: tartest.GNU, RealSize: size, Sparse: []tartest.Segment{{Offset: size}}}, "")
	}
	for _, c := range []struct {
		name  string
		fits  []byte
		over  []byte
		limit unpack.Limits
		want  string
	}{
		{"entries", tartest.Join(tartest.Dir("a"), tartest.Dir("b")), tartest.Join(tartest.Dir("a"), tartest.Dir("b"), tartest.Dir("c")), unpack.Limits{Entries: 2}, "entries"},
		{"path depth", tartest.Join(tartest.File("/./a//b/c/", "")), tartest.Join(tartest.File("a/b/c/d", "")), unpack.Limits{PathDepth: 3}, "path depth"},
		{"pax header", tartest.Join(tartest.PAX("comment=x"), tartest.File("a", "")), tartest.Join(tartest.PAX("comment="+strings.Repeat("x", 999)), tartest.File("a", "")), unpack.Limits{HeaderSize: 512}, "extended header"},
		{"long name", tartest.Join(tartest.GNULongName(strings.Repeat("n", 500)), tartest.File("a", "")), tartest.Join(tartest.GNULongName(strings.Repeat("n", 512)), tartest.File("a", "")), unpack.Limits{HeaderSize: 512}, "extended header"},
		{"file size", tartest.Join(tartest.File("a", "12345")), tartest.Join(tartest.File("a", "123456")), unpack.Limits{FileSize: 5}, "file size"},
		{"file size with holes", tartest.Join(hole(5000)), tartest.Join(hole(5001)), unpack.Limits{FileSize: 5000}, "file size"},
		{"total size", tartest.Join(hole(2500), hole(2500)), tartest.Join(hole(2500), hole(2501)), unpack.Limits{TotalSize: 5000}, "total size"},
		{"total size of the tar", make([]byte, 1<<18), make([]byte, 2<<18), unpack.Limits{TotalSize: 1 << 18}, "total size"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := run(t.Context(), bytes.NewReader(gzipped(c.fits)), describe(gzipped(c.fits), c.fits), c.limit); err != nil {
				t.Errorf("within the limit: %v", err)
			}
			_, err := run(t.Context(), bytes.NewReader(gzipped(c.over)), describe(gzipped(c.over), c.over), c.limit)
			wantLimit(t, err, c.want)
			wantAdmitted(t, c.limit, gzipped(c.fits), c.fits, nil)
			wantAdmitted(t, c.limit, gzipped(c.over), c.over, err)
		})
	}
}

// wantAdmitted holds what the limits say of a layer that is unpacked already
// against what Unpack says.
func wantAdmitted(t *testing.T, lim unpack.Limits, blob, tar []byte, want error) {
	t.Helper()
	_, x := mustRun(t, blob, tar)
	err := lim.Admit(x, describe(blob, tar))
	var got, wanted unpack.LimitError
	if l, ok := errors.AsType[*unpack.LimitError](err); ok {
		got = *l
	}
	if l, ok := errors.AsType[*unpack.LimitError](want); ok {
		wanted = *l
	}
	if got != wanted || hint.Of(err) != hint.Of(want) || err != nil && strings.Contains(want.Error(), `: "`) && err.Error() != want.Error() {
		t.Errorf("admitted: %v, unpacked: %v", err, want)
	}
	needs := unpack.Needs(x)
	needs.Ratio = unpack.NeededRatio(x.TarSize, int64(len(blob)))
	if lim.Suffice(needs) != (want == nil) {
		t.Errorf("limits %+v, needs %+v, error %v", lim, needs, want)
	}
	if _, err := run(t.Context(), bytes.NewReader(blob), describe(blob, tar), needs); err != nil {
		t.Errorf("within its needs: %v", err)
	}
}

func wantLimit(t *testing.T, err error, name string) {
	t.Helper()
	var limit *unpack.LimitError
	if !errors.As(err, &limit) || limit.Name != name || !errors.Is(err, unpack.ErrLimit) {
		t.Errorf("error %v, want the limit on %s", err, name)
	}
}

// TestHugeHoles has files that would take years to hash.
func TestHugeHoles(t *testing.T) {
	const huge = 1<<63 - 1
	var parts [][]byte
	for range 100 {
		parts = append(parts, tartest.PAX("GNU.sparse.size=9223372036854775807", "GNU.sparse.map=0,1", "GNU.sparse.numblocks=1"), tartest.File("h", "x"))
	}
	tar := tartest.Join(parts...)
	_, err := run(t.Context(), bytes.NewReader(tar), describe(tar, tar), unpack.Limits{})
	wantLimit(t, err, "file size")
	_, err = run(t.Context(), bytes.NewReader(tar), describe(tar, tar), unpack.Limits{FileSize: huge})
	wantLimit(t, err, "total size")
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bomb is n MiB of zeros, compressed in pieces of 64 MiB.
func bomb(compress func([]byte) []byte, n int) []byte {
	return bytes.Repeat(compress(make([]byte, 64<<20)), n/64)
}

func TestBombs(t *testing.T) {
	const gib = 1 << 30
	head := tartest.Entry(tartest.Header{Name: "bomb", Size: 8 * gib}, "")
	for _, c := range []struct {
		name    string
		blob    []byte
		entry   string
		written int64 // the most that may reach the pack
	}{
		{"a large file says so", append(gzipped(head), bomb(gzipped, 64)...), `"bomb"`, 0},
		{"padding after the end, gzip", bomb(gzipped, 576), "", 0},
		{"padding after the end, zstd", bomb(zstded, 576), "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			l := unpack.Layer{Digest: digest.FromBytes(c.blob), Size: int64(len(c.blob))}
			var pack, index bytes.Buffer
			_, err := unpack.Unpack(t.Context(), bytes.NewReader(c.blob), l, unpack.Dest{Pack: &pack, Index: &index}, unpack.Limits{}, nil)
			runtime.ReadMemStats(&after)
			wantLimit(t, err, "compression ratio")
			if err == nil || !strings.Contains(err.Error(), c.entry) || int64(pack.Len()) > c.written {
				t.Errorf("%d bytes written, %v", pack.Len(), err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
				t.Errorf("allocated %d bytes", used)
			}
		})
	}
}

// TestRatioOfHonestLayers has what compresses well, but not absurdly so, and
// a file of zeros below the floor.
func TestRatioOfHonestLayers(t *testing.T) {
	head := tartest.Entry(tartest.Header{Name: "zeros", Size: 128 << 20}, "")
	blob := append(gzipped(head), bomb(gzipped, 128)...)
	l := unpack.Layer{Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	_, err := unpack.Unpack(t.Context(), bytes.NewReader(blob), l, unpack.Dest{Pack: io.Discard, Index: io.Discard}, unpack.Limits{}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestUnknownSizeIsBounded(t *testing.T) {
	l := unpack.Layer{Size: -1, DiffID: digest.FromString("x")}
	_, err := unpack.Unpack(t.Context(), zeroReader{}, l, unpack.Dest{Pack: io.Discard, Index: io.Discard}, unpack.Limits{TotalSize: 8 << 20}, nil)
	wantLimit(t, err, "total size")
}

// TestZstdWindow has a frame whose header asks for a window of 1 GiB (RFC 8878
// section 3.1.1.1.2: exponent 20).
func TestZstdWindow(t *testing.T) {
	blob := []byte("\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00")
	_, err := run(t.Context(), bytes.NewReader(blob), describe(blob, nil), unpack.Limits{})
	wantLimit(t, err, "zstd window")
}
