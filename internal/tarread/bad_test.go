package tarread_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"banger/internal/tarread"
	"banger/internal/tartest"
)

// mapOf is a sparse map as format 1.0 has it.
func mapOf(segments []tartest.Segment) string {
	var b strings.Builder
	fmt.Fprintln(&b, len(segments))
	for _, s := range segments {
		fmt.Fprintf(&b, "%d\n%d\n", s.Offset, s.Length)
	}
	return b.String()
}

func patched(at int, s string) []byte {
	return tartest.Entry(h("name", 0, func(h *tartest.Header) {
		h.Patch = func(b []byte) { copy(b[at:], s) }
	}), "")
}

func sparse1(size, body string) []byte {
	return tartest.Join(
		tartest.PAX("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize="+size, "GNU.sparse.name=real"),
		tartest.File("s", body))
}

func sparse0(size, mapping, body string) []byte {
	return tartest.Join(tartest.PAX("GNU.sparse.size="+size, "GNU.sparse.map="+mapping), tartest.File("real", body))
}

func oldSparse(real int64, body string, segments ...tartest.Segment) []byte {
	return tartest.Join(tartest.Entry(h("real", 'S', func(h *tartest.Header) {
		h.Format, h.RealSize, h.Sparse = tartest.GNU, real, segments
	}), body))
}

func TestBad(t *testing.T) {
	whole := tartest.Join(tartest.File("a", "hello"))
	for _, c := range []struct {
		name string
		tar  []byte
		want string // in the error
	}{
		{"cut in a header", whole[:100], "ends in the middle of a header"},
		{"cut in a body", whole[:514], "ends in the middle of a body"},
		{"cut in a long name", tartest.GNULongName(long)[:600], "ends in the middle of a body"},
		{"cut in the second zero block", whole[:len(whole)-1], "ends in the middle of a header"},
		{"checksum", append([]byte("b"), whole[1:]...), "checksum"},
		{"checksum field", append(bytes.Clone(whole[:148]), append([]byte("zz"), whole[150:]...)...), `"zz`},
		{"lone zero block", append(make([]byte, 512), whole...), "single zero block"},
		{"octal", tartest.Join(patched(108, "12x45678")), "octal"},
		{"octal 8", tartest.Join(patched(100, "0000648\x00")), "octal"},
		{"negative size", tartest.Join(tartest.Entry(h("a", 0, func(h *tartest.Header) { h.Size = -1 }), "")), `"a": damaged tar: size -1`},
		{"huge base-256", tartest.Join(patched(136, "\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), "64 bits"},
		{"uid over 32 bits", tartest.Join(tartest.Entry(h("a", 0, func(h *tartest.Header) { h.UID = 1 << 32 }), "")), `"a": damaged tar: uid 4294967296`},
		{"negative gid", tartest.Join(tartest.Entry(h("a", 0, func(h *tartest.Header) { h.GID = -1 }), "")), "gid -1"},
		{"pax uid over 32 bits", tartest.Join(tartest.PAX("uid=4294967296"), tartest.File("a", "")), `"a": damaged tar: uid 4294967296`},
		{"pax uid no number", tartest.Join(tartest.PAX("uid=-1"), tartest.File("a", "")), "decimal"},
		{"pax size no number", tartest.Join(tartest.PAX("size=1e3"), tartest.File("a", "")), "decimal"},
		{"pax time", tartest.Join(tartest.PAX("mtime=1.x"), tartest.File("a", "")), `"1.x" is no time`},
		{"pax time signs", tartest.Join(tartest.PAX("mtime=--1"), tartest.File("a", "")), "no time"},
		{"pax time too late", tartest.Join(tartest.PAX("mtime=9223372036854775808"), tartest.File("a", "")), "no time"},
		{"pax time without digits", tartest.Join(tartest.PAX("mtime=."), tartest.File("a", "")), "no time"},
		{"device over 32 bits", tartest.Join(tartest.PAX("SCHILY.devminor=4294967296"), tartest.Device("c", '3', 1, 1)), "device number"},
		{"NUL in pax path", tartest.Join(tartest.PAX("path=a\x00b"), tartest.File("a", "")), "NUL"},
		{"NUL in pax key", tartest.Join(tartest.PAX("SCHILY.xattr.user.\x00=b"), tartest.File("a", "")), "key"},
		{"NUL in libarchive name", tartest.Join(tartest.PAX("LIBARCHIVE.xattr.user.%00=YQ"), tartest.File("a", "")), "xattr name"},
		{"xattr without a name", tartest.Join(tartest.PAX("SCHILY.xattr.=b"), tartest.File("a", "")), "xattr name"},
		{"libarchive value", tartest.Join(tartest.PAX("LIBARCHIVE.xattr.user.a=!!"), tartest.File("a", "")), "base64"},
		{"pax record without equals", tartest.Join(tartest.RawPAX('x', "6 abc\n"), tartest.File("a", "")), "key"},
		{"pax record without key", tartest.Join(tartest.RawPAX('x', "6 =bc\n"), tartest.File("a", "")), "key"},
		{"pax record without newline", tartest.Join(tartest.RawPAX('x', "7 ab=c "), tartest.File("a", "")), "begins"},
		{"pax record too long", tartest.Join(tartest.RawPAX('x', "99 a=b\n"), tartest.File("a", "")), "begins"},
		{"pax record too short", tartest.Join(tartest.RawPAX('x', "2 a=b\n"), tartest.File("a", "")), "begins"},
		{"pax record length signed", tartest.Join(tartest.RawPAX('x', "+7 ab=c\n"), tartest.File("a", "")), "begins"},
		{"pax record length huge", tartest.Join(tartest.RawPAX('x', strings.Repeat("9", 30)+" a=b\n"), tartest.File("a", "")), "begins"},
		{"pax trailing bytes", tartest.Join(tartest.RawPAX('x', "6 a=b\n\x00\x00"), tartest.File("a", "")), "begins"},
		{"global pax malformed", tartest.Join(tartest.RawPAX('g', "x"), tartest.File("a", "")), "type 'g'"},
		{"multi-volume", tartest.Join(tartest.Entry(h("a", 'M', func(*tartest.Header) {}), "x")), "multi-volume"},
		{"old long names", tartest.Join(tartest.Entry(h("a", 'N', func(*tartest.Header) {}), "x")), "obsolete"},
		{"body after a hardlink", tartest.Join(tartest.Entry(h("h", '1', func(h *tartest.Header) { h.Linkname = "a" }), "body")), "checksum"},
		{"sparse directory", tartest.Join(tartest.PAX("GNU.sparse.size=1", "GNU.sparse.numblocks=0"), tartest.Dir("d/")), "sparse directory"},
		{"sparse version", tartest.Join(tartest.PAX("GNU.sparse.major=2", "GNU.sparse.minor=0"), tartest.File("a", "")), "format 2.0"},
		{"sparse without size", tartest.Join(tartest.PAX("GNU.sparse.map=0,1"), tartest.File("a", "x")), "decimal"},
		{"sparse size signed", sparse0("-1", "0,1", "x"), "decimal"},
		{"sparse odd", sparse0("9", "0,1,2", "x"), "odd"},
		{"sparse out of turn", tartest.Join(tartest.PAX("GNU.sparse.numbytes=1"), tartest.File("a", "")), "out of turn"},
		{"sparse 0.0 odd", tartest.Join(tartest.PAX("GNU.sparse.size=9", "GNU.sparse.offset=1"), tartest.File("a", "")), "odd"},
		{"sparse overlap", sparse0("9", "0,2,1,2", "abcd"), `"real": damaged tar: sparse segment of 2 bytes at 1`},
		{"sparse unsorted", sparse0("9", "5,1,0,1", "ab"), "segment of 1 bytes at 0"},
		{"sparse outside", sparse0("9", "8,2", "ab"), "segment of 2 bytes at 8"},
		{"sparse overflow", sparse0("9", "9223372036854775807,9223372036854775807", "ab"), "segment"},
		{"sparse stored too much", sparse0("9", "0,1", "ab"), "2 stored"},
		{"sparse stored too little", sparse0("9", "0,3", "ab"), "2 stored"},
		{"sparse 1.0 count", sparse1("9", blockOf("x\n")), `"real": sparse map: damaged tar: "x"`},
		{"sparse 1.0 short", sparse1("9", blockOf("2\n0\n1\n")), "ends in the middle of a"},
		{"sparse 1.0 no newline", sparse1("9", strings.Repeat("1", 2048)), "no end of a number"},
		{"sparse 1.0 without a map", sparse1("9", ""), "ends in the middle of a sparse map"},
		{"sparse 1.0 negative", sparse1("9", blockOf("1\n-1\n1\n")), "decimal"},
		{"old sparse out of order", oldSparse(9, "ab", tartest.Segment{Offset: 5, Length: 1}, tartest.Segment{Offset: 0, Length: 1}), "segment"},
		{"old sparse negative", oldSparse(9, "ab", tartest.Segment{Offset: -1, Length: 1}), "segment"},
		{"old sparse negative size", oldSparse(-9, "", tartest.Segment{Offset: 0, Length: 0}), "segment"},
		{"old sparse cut", oldSparse(1<<20, "", many...)[:700], "ends in the middle of a sparse map"},
		{"type S without GNU magic", tartest.Join(tartest.Entry(h("a", 'S', func(*tartest.Header) {}), "")), "magic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(c.tar, 1<<20)
			if !errors.Is(err, tarread.ErrFormat) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestHeaderSize(t *testing.T) {
	const limit = 2048
	name := strings.Repeat("n", limit)
	globals := [][]byte{}
	for i := range 3 {
		globals = append(globals, tartest.GlobalPAX(fmt.Sprintf("SCHILY.xattr.user.%d=%s", i, name[:800])))
	}
	for _, c := range []struct {
		name string
		tar  []byte
	}{
		{"pax", tartest.PAX("path=" + name)},
		{"claimed, not there", tartest.Entry(tartest.Header{Name: "x", Type: 'x', Size: 1 << 50}, "")},
		{"long name", tartest.GNULongName(name)},
		{"long link", tartest.GNULongLink(name)},
		{"globals together", tartest.Join(globals...)},
		{"old sparse map", oldSparse(1<<40, strings.Repeat("x", 120), manySegments(120)...)},
		{"sparse 1.0 map", sparse1("1000000", blockOf(mapOf(manySegments(400)))+strings.Repeat("x", 400))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := readAll(c.tar, limit); !errors.Is(err, tarread.ErrHeaderSize) {
				t.Errorf("error %v, want ErrHeaderSize", err)
			}
		})
	}
}

func TestNextRepeatsItsError(t *testing.T) {
	r := tarread.NewReader(&source{r: strings.NewReader("short")}, 1<<20)
	_, first := r.Next()
	if _, second := r.Next(); first == nil || !errors.Is(second, first) {
		t.Errorf("first %v, then %v", first, second)
	}
}

func TestErrorsOfTheSourceAreItsOwn(t *testing.T) {
	broken := fmt.Errorf("broken: %w", io.ErrUnexpectedEOF)
	whole := tartest.Join(
		tartest.PAX("path=b"), tartest.File("a", strings.Repeat("x", 600)),
		tartest.PAX("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=9"), tartest.File("s", blockOf("1\n0\n1\n")+"x"),
		oldSparse(1<<20, strings.Repeat("x", 48), many...))
	for n := range whole[:len(whole)-1024] {
		r := tarread.NewReader(&source{r: io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken))}, 1<<20)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, broken) || errors.Is(err, tarread.ErrFormat) {
			t.Fatalf("broken after %d bytes: %v", n, err)
		}
	}
}
