package tarread_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banger/internal/tarread"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// member is what a test knows of a tarread.Member: its fields and its data.
type member struct {
	tree.Entry
	Segments []tarread.Segment
	Data     string
}

// source hands out what r reads in its own memory, which it spoils with the
// next call.
type source struct {
	r     io.Reader
	spare [700]byte
}

func (s *source) Read(p []byte) (int, error) {
	s.spoil()
	return s.r.Read(p)
}

func (s *source) Slice(most int) ([]byte, error) {
	s.spoil()
	for {
		n, err := s.r.Read(s.spare[:min(most, len(s.spare))])
		if n > 0 || err != nil {
			return s.spare[:n], err
		}
	}
}

func (s *source) spoil() {
	for i := range s.spare {
		s.spare[i] = 0xdb
	}
}

// readBody reads the body of a member, now by Slice and now by Read.
func readBody(r *tarread.Reader) ([]byte, error) {
	var body []byte
	for {
		b, err := r.Slice(1000)
		body = append(body, b...)
		if err == nil {
			var few [100]byte
			n := 0
			n, err = r.Read(few[:])
			body = append(body, few[:n]...)
		}
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return body, err
		}
	}
}

// readAll reads a whole archive.
func readAll(archive []byte, maxHeader int64) ([]member, error) {
	var all []member
	r := tarread.NewReader(&source{r: bytes.NewReader(archive)}, maxHeader)
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		got := member{Entry: m.Entry, Segments: m.Segments}
		if m.Type == tree.Regular {
			data, err := readBody(r)
			if err != nil {
				return all, err
			}
			got.Data = string(data)
		}
		all = append(all, got)
	}
}

var mtime = tree.Time{Sec: tartest.MTime}

func file(path, data string, edit ...func(*member)) member {
	m := member{Entry: tree.Entry{Path: path, Type: tree.Regular, Mode: 0o644, MTime: mtime, Size: int64(len(data))}, Data: data}
	if data != "" {
		m.Segments = []tarread.Segment{{Length: int64(len(data))}}
	}
	for _, e := range edit {
		e(&m)
	}
	return m
}

func of(typ tree.Type, path string, mode uint32, edit ...func(*member)) member {
	m := member{Entry: tree.Entry{Path: path, Type: typ, Mode: mode, MTime: mtime}}
	for _, e := range edit {
		e(&m)
	}
	return m
}

func target(s string) func(*member) { return func(m *member) { m.Target = s } }

func device(major, minor uint32) func(*member) {
	return func(m *member) { m.DevMajor, m.DevMinor = major, minor }
}

func at(sec int64, nsec uint32) func(*member) {
	return func(m *member) { m.MTime = tree.Time{Sec: sec, Nsec: nsec} }
}

func owner(uid, gid uint32) func(*member) {
	return func(m *member) { m.UID, m.GID = uid, gid }
}

func xattr(name, value string) func(*member) {
	return func(m *member) { m.Xattrs = append(m.Xattrs, tree.Xattr{Name: name, Value: value}) }
}

func sparse(size int64, segments ...tarread.Segment) func(*member) {
	return func(m *member) { m.Size, m.Segments = size, segments }
}

func h(name string, typ byte, edit func(*tartest.Header)) tartest.Header {
	head := tartest.Header{Name: name, Type: typ, Mode: 0o644, MTime: tartest.MTime}
	edit(&head)
	return head
}

var (
	long = "d/" + strings.Repeat("n", 300)
	two  = []tarread.Segment{{Offset: 512, Length: 3}, {Offset: 4096, Length: 2}}
	// 48 segments: 4 in the header, 21 and 23 in extension blocks.
	many = manySegments(48)
)

func manySegments(n int) []tartest.Segment {
	s := make([]tartest.Segment, n)
	for i := range s {
		s[i] = tartest.Segment{Offset: int64(i) * 1024, Length: 1}
	}
	return s
}

func asRead(in []tartest.Segment) (out []tarread.Segment) {
	for _, s := range in {
		out = append(out, tarread.Segment(s))
	}
	return out
}

// form is one way to say something in a tar.
type form struct {
	name string
	tar  [][]byte
	want []member
}

func join(parts ...[]byte) [][]byte { return parts }

func forms() []form {
	return []form{
		{"empty archive", nil, nil},
		{"file", join(tartest.File("a", "hello")), []member{file("a", "hello")}},
		{"directory", join(tartest.Dir("./d/")), []member{of(tree.Directory, "./d/", 0o755)}},
		{"symlink", join(tartest.Symlink("s", "../x//y/")), []member{of(tree.Symlink, "s", 0o777, target("../x//y/"))}},
		{"hardlink", join(tartest.Hardlink("h", "/a")), []member{of(tree.Hardlink, "h", 0o644, target("/a"))}},
		{"char device", join(tartest.Device("c", '3', 1, 3)), []member{of(tree.CharDevice, "c", 0o600, device(1, 3))}},
		{"block device", join(tartest.Device("b", '4', 259, 1<<20)), []member{of(tree.BlockDevice, "b", 0o600, device(259, 1<<20))}},
		{"fifo", join(tartest.Fifo("p")), []member{of(tree.Fifo, "p", 0o644)}},
		{"raw bytes in names", join(tartest.File("\xff\xfe\n\t", "")), []member{file("\xff\xfe\n\t", "")}},
		{"name fills its field", join(tartest.File(strings.Repeat("n", 100), "x")), []member{file(strings.Repeat("n", 100), "x")}},
		{
			"mode's twelve bits, file type bits dropped",
			join(tartest.Entry(h("a", 0, func(h *tartest.Header) { h.Mode = 0o107755 }), "")),
			[]member{file("a", "", func(m *member) { m.Mode = 0o7755 })},
		},
		{
			"v7 file and directory by its slash",
			join(
				tartest.Entry(h("f", 0, func(h *tartest.Header) { h.Format, h.NulType = tartest.V7, true }), "x"),
				tartest.Entry(h("d/", 0, func(h *tartest.Header) { h.Format, h.NulType = tartest.V7, true }), ""),
			),
			[]member{file("f", "x"), of(tree.Directory, "d/", 0o644)},
		},
		{
			"v7 has no prefix and no device numbers",
			join(tartest.Entry(h("f", '3', func(h *tartest.Header) {
				h.Format = tartest.V7
				h.Patch = func(b []byte) { copy(b[329:], "0000001\x000000003\x00prefix") }
			}), "")),
			[]member{of(tree.CharDevice, "f", 0o644)},
		},
		{
			"slash on an ustar file is kept",
			join(tartest.File("f/", "x")),
			[]member{file("f/", "x")},
		},
		{
			"contiguous and unknown types are files",
			join(
				tartest.Entry(h("7", '7', func(*tartest.Header) {}), "x"),
				tartest.Entry(h("Q", 'Q', func(*tartest.Header) {}), "y"),
			),
			[]member{file("7", "x"), file("Q", "y")},
		},
		{
			"GNU dumpdir and volume label",
			join(
				tartest.Entry(h("label", 'V', func(*tartest.Header) {}), ""),
				tartest.Entry(h("d/", 'D', func(*tartest.Header) {}), "Yname\x00\x00"),
				tartest.File("a", "x"),
			),
			[]member{of(tree.Directory, "d/", 0o644), file("a", "x")},
		},
		{
			"size field of what has no body",
			join(
				tartest.Entry(h("d/", '5', func(h *tartest.Header) { h.Size = 4096 }), ""),
				tartest.Entry(h("h", '1', func(h *tartest.Header) { h.Size, h.Linkname = 9, "a" }), ""),
				tartest.File("a", "x"),
			),
			[]member{of(tree.Directory, "d/", 0o644), of(tree.Hardlink, "h", 0o644, target("a")), file("a", "x")},
		},
		{
			"ustar prefix",
			join(tartest.Entry(h("n", 0, func(h *tartest.Header) { h.Prefix = strings.Repeat("p", 155) }), "x")),
			[]member{file(strings.Repeat("p", 155)+"/n", "x")},
		},
		{
			"star prefix",
			join(tartest.Entry(h("n", 0, func(h *tartest.Header) {
				h.Prefix, h.Format = strings.Repeat("p", 131), tartest.Star
				h.Patch = func(b []byte) { copy(b[476:], "14000000000 14000000000 ") }
			}), "x")),
			[]member{file(strings.Repeat("p", 131)+"/n", "x")},
		},
		{
			"prefix in a GNU header, of old Docker",
			join(tartest.Entry(h("n", 0, func(h *tartest.Header) {
				h.Format = tartest.GNU
				h.Patch = func(b []byte) { copy(b[345:], "usr/share/doc") }
			}), "x")),
			[]member{file("usr/share/doc/n", "x")},
		},
		{
			"GNU times are no prefix",
			join(tartest.Entry(h("n", 0, func(h *tartest.Header) {
				h.Format = tartest.GNU
				h.Patch = func(b []byte) { copy(b[345:], "14000000000\x0014000000000\x00") }
			}), "x")),
			[]member{file("n", "x")},
		},
		{
			"GNU long name and link",
			join(tartest.GNULongLink(long+"L"), tartest.GNULongName(long), tartest.Symlink("cut", "cut"), tartest.File("b", "")),
			[]member{of(tree.Symlink, long, 0o777, target(long+"L")), file("b", "")},
		},
		{
			"GNU long name over a pax path",
			join(tartest.GNULongName("gnu"), tartest.GNULongLink("link"), tartest.PAX("path=pax", "linkpath=paxlink"), tartest.Symlink("s", "t")),
			[]member{of(tree.Symlink, "gnu", 0o777, target("link"))},
		},
		{
			"base-256 numbers",
			join(tartest.Entry(h("a", 0, func(h *tartest.Header) {
				h.UID, h.GID, h.MTime, h.Base256 = 1<<32-1, 1<<31, 1<<40, true
			}), "x")),
			[]member{file("a", "x", owner(1<<32-1, 1<<31), at(1<<40, 0))},
		},
		{
			"negative base-256 time",
			join(tartest.Entry(h("a", 0, func(h *tartest.Header) { h.MTime = -1 << 40 }), "x")),
			[]member{file("a", "x", at(-1<<40, 0))},
		},
		{
			"numbers with spaces, without end, empty",
			join(tartest.Entry(h("a", 0, func(h *tartest.Header) {
				h.Patch = func(b []byte) {
					copy(b[100:108], "   644 \x00")
					copy(b[108:116], "00001750")
					copy(b[116:124], make([]byte, 8))
					copy(b[124:136], " 1          ")
				}
			}), "x")),
			[]member{file("a", "x", owner(0o1750, 0))},
		},
		{
			"signed checksum",
			join(tartest.Entry(h("\xff\xff", 0, func(h *tartest.Header) { h.SignedSum = true }), "x")),
			[]member{file("\xff\xff", "x")},
		},
		{
			"pax path, linkpath, owner",
			join(
				tartest.PAX("path="+long, "linkpath="+long+"L", "uid=4294967295", "gid=70000", "hdrcharset=BINARY", "atime=1", "ctime=2", "uname=x"),
				tartest.Symlink("s", "t"),
			),
			[]member{of(tree.Symlink, long, 0o777, target(long+"L"), owner(1<<32-1, 70000))},
		},
		{
			"pax values with newlines and equals signs",
			join(tartest.PAX("path=a\n12 b=c\n"), tartest.File("s", "")),
			[]member{file("a\n12 b=c\n", "")},
		},
		{
			"pax size over the header's",
			join(tartest.PAX("size=5"), tartest.Entry(h("a", 0, func(h *tartest.Header) {
				h.Patch = func(b []byte) { copy(b[124:136], "00000000000\x00") }
			}), "hello"), tartest.File("b", "x")),
			[]member{file("a", "hello"), file("b", "x")},
		},
		{
			"pax times",
			join(
				tartest.PAX("mtime=1.5"), tartest.File("a", ""),
				tartest.PAX("mtime=-1.25"), tartest.File("b", ""),
				tartest.PAX("mtime=-0.000000001"), tartest.File("c", ""),
				tartest.PAX("mtime=4294967296.1234567899"), tartest.File("d", ""),
				tartest.PAX("mtime=-9223372036854775807"), tartest.File("e", ""),
				tartest.PAX("mtime=7."), tartest.File("f", ""),
			),
			[]member{
				file("a", "", at(1, 5e8)), file("b", "", at(-2, 75e7)), file("c", "", at(-1, 999_999_999)),
				file("d", "", at(1<<32, 123_456_789)), file("e", "", at(-1<<63+1, 0)), file("f", "", at(7, 0)),
			},
		},
		{
			"pax device numbers",
			join(tartest.PAX("SCHILY.devmajor=4095", "SCHILY.devminor=1048575"), tartest.Device("c", '3', 1, 3)),
			[]member{of(tree.CharDevice, "c", 0o600, device(4095, 1048575))},
		},
		{
			"pax does not outlive its entry; the last of two counts",
			join(tartest.PAX("path=no"), tartest.PAX("uid=7"), tartest.File("a", ""), tartest.File("b", "")),
			[]member{file("a", "", owner(7, 0)), file("b", "")},
		},
		{
			"empty pax value leaves the header's",
			join(tartest.PAX("path=", "mtime=", "uid="), tartest.File("a", "")),
			[]member{file("a", "")},
		},
		{
			"global pax: applies, is overridden, comes back, is removed",
			join(
				tartest.GlobalPAX("uid=5", "SCHILY.xattr.user.g=G"), tartest.File("a", ""),
				tartest.PAX("uid=6", "SCHILY.xattr.user.g=own"), tartest.File("b", ""),
				tartest.PAX("uid=", "SCHILY.xattr.user.g="), tartest.File("c", ""),
				tartest.File("d", ""),
				tartest.GlobalPAX("gid=8", "uid="), tartest.File("e", ""),
				tartest.GlobalPAX("SCHILY.xattr.user.g="), tartest.File("f", ""),
			),
			[]member{
				file("a", "", owner(5, 0), xattr("user.g", "G")),
				file("b", "", owner(6, 0), xattr("user.g", "own")),
				file("c", ""),
				file("d", "", owner(5, 0), xattr("user.g", "G")),
				file("e", "", owner(0, 8), xattr("user.g", "G")),
				file("f", "", owner(0, 8)),
			},
		},
		{
			"global pax of git archive, between a pax header and its entry",
			join(tartest.PAX("path=real"), tartest.GlobalPAX("comment=0123"), tartest.File("a", "")),
			[]member{file("real", "")},
		},
		{
			"SCHILY xattrs: sorted, NUL, newline, empty value",
			join(tartest.PAX("SCHILY.xattr.user.z=\x00\n\xff", "SCHILY.xattr.security.capability=\x01\x00\x00\x02", "SCHILY.xattr.user.e="), tartest.File("a", "")),
			[]member{file("a", "", xattr("security.capability", "\x01\x00\x00\x02"), xattr("user.e", ""), xattr("user.z", "\x00\n\xff"))},
		},
		{
			"LIBARCHIVE xattrs: escaped name, base64 value, weaker than SCHILY",
			join(tartest.PAX("LIBARCHIVE.xattr.user.a%20b%3d%zz=AAE", "LIBARCHIVE.xattr.user.p=eHk=", "LIBARCHIVE.xattr.user.s=eHk", "SCHILY.xattr.user.s=schily"), tartest.File("a", "")),
			[]member{file("a", "", xattr("user.a b=%zz", "\x00\x01"), xattr("user.p", "xy"), xattr("user.s", "schily"))},
		},
		{
			"old GNU sparse",
			join(tartest.Entry(h("s", 'S', func(h *tartest.Header) {
				h.Format, h.RealSize, h.Sparse = tartest.GNU, 8192, []tartest.Segment{{Offset: 512, Length: 3}, {Offset: 4096, Length: 2}, {Offset: 8192, Length: 0}}
			}), "abcde"), tartest.File("b", "x")),
			[]member{file("s", "abcde", sparse(8192, two...)), file("b", "x")},
		},
		{
			"old GNU sparse with extension blocks",
			join(tartest.Entry(h("s", 'S', func(h *tartest.Header) {
				h.Format, h.RealSize, h.Sparse = tartest.GNU, 1<<40, many
			}), strings.Repeat("x", len(many))), tartest.File("b", "x")),
			[]member{file("s", strings.Repeat("x", len(many)), sparse(1<<40, asRead(many)...)), file("b", "x")},
		},
		{
			"old GNU sparse, nothing but a hole",
			join(tartest.Entry(h("s", 'S', func(h *tartest.Header) {
				h.Format, h.RealSize, h.Sparse = tartest.GNU, 1<<33, []tartest.Segment{{Offset: 1 << 33, Length: 0}}
			}), "")),
			[]member{file("s", "", sparse(1<<33))},
		},
		{
			"pax sparse 0.0",
			join(tartest.PAX("GNU.sparse.size=8192", "GNU.sparse.numblocks=2",
				"GNU.sparse.offset=512", "GNU.sparse.numbytes=3", "GNU.sparse.offset=4096", "GNU.sparse.numbytes=2"),
				tartest.File("s", "abcde")),
			[]member{file("s", "abcde", sparse(8192, two...))},
		},
		{
			"pax sparse 0.0 without a segment",
			join(tartest.PAX("GNU.sparse.size=8192", "GNU.sparse.numblocks=0"), tartest.File("s", "")),
			[]member{file("s", "", sparse(8192))},
		},
		{
			"pax sparse 0.1",
			join(tartest.PAX("GNU.sparse.name=real", "GNU.sparse.size=8192", "GNU.sparse.numblocks=2", "GNU.sparse.map=512,3,4096,2"),
				tartest.File("GNUSparseFile.1/s", "abcde")),
			[]member{file("real", "abcde", sparse(8192, two...))},
		},
		{
			"pax sparse 1.0",
			join(tartest.PAX("GNU.sparse.name=real", "GNU.sparse.realsize=8192", "GNU.sparse.major=1", "GNU.sparse.minor=0"),
				tartest.File("GNUSparseFile.1/s", blockOf("2\n512\n3\n4096\n2\n")+"abcde"), tartest.File("b", "x")),
			[]member{file("real", "abcde", sparse(8192, two...)), file("b", "x")},
		},
		{
			"pax sparse 1.0 with a map of several blocks",
			join(tartest.PAX("GNU.sparse.realsize=1000000", "GNU.sparse.major=1", "GNU.sparse.minor=0"),
				tartest.File("s", blockOf(mapOf(manySegments(200)))+strings.Repeat("x", 200))),
			[]member{file("s", strings.Repeat("x", 200), sparse(1000000, asRead(manySegments(200))...))},
		},
		{
			"GNU.sparse in a global header is ignored",
			join(tartest.GlobalPAX("GNU.sparse.size=8192", "GNU.sparse.numblocks=0"), tartest.File("a", "x")),
			[]member{file("a", "x")},
		},
	}
}

func blockOf(s string) string { return s + strings.Repeat("\x00", -len(s)&511) }

func TestForms(t *testing.T) {
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			for _, ending := range []struct {
				name string
				tar  []byte
			}{
				{"two zero blocks", tartest.Join(f.tar...)},
				{"none", bytes.Join(f.tar, nil)},
				{"one zero block", append(bytes.Join(f.tar, nil), make([]byte, 512)...)},
				{"junk after the end", append(tartest.Join(f.tar...), "junk"...)},
			} {
				got, err := readAll(ending.tar, 1<<20)
				if err != nil {
					t.Errorf("ending in %s: %v", ending.name, err)
				}
				if diff := cmp.Diff(f.want, got); diff != "" {
					t.Errorf("ending in %s (-want +got):\n%s", ending.name, diff)
				}
			}
		})
	}
}
