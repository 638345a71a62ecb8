package tarread_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"banger/internal/tarread"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// goRead reads an archive with archive/tar, as far as members of interest go.
func goRead(archive []byte) ([]*tar.Header, []string, error) {
	var heads []*tar.Header
	var bodies []string
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return heads, bodies, nil
		}
		if err != nil {
			return heads, bodies, err
		}
		body := ""
		if h.Size <= 1<<20 {
			b, err := io.ReadAll(r)
			if err != nil {
				return heads, bodies, err
			}
			body = string(b)
		}
		heads, bodies = append(heads, h), append(bodies, body)
	}
}

// differ says where two readings of one entry differ, or "".
func differ(m member, h *tar.Header, body string) string {
	typ := h.Typeflag
	switch typ {
	case '0', 'S', '7':
		typ = '0'
	}
	want := map[string]any{
		"path": h.Name, "mode": uint32(h.Mode & 0o7777), "uid": int64(h.Uid), "gid": int64(h.Gid),
		"mtime": tree.Time{Sec: h.ModTime.Unix(), Nsec: uint32(h.ModTime.Nanosecond())},
		"type":  types[typ],
	}
	got := map[string]any{
		"path": m.Path, "mode": m.Mode, "uid": int64(m.UID), "gid": int64(m.GID), "mtime": m.MTime, "type": m.Type,
	}
	switch m.Type {
	case tree.Regular:
		want["size"], got["size"] = h.Size, m.Size
		if h.Size <= 1<<20 {
			want["body"], got["body"] = body, string(expand(m))
		}
	case tree.Symlink, tree.Hardlink:
		want["target"], got["target"] = h.Linkname, m.Target
	case tree.CharDevice, tree.BlockDevice:
		want["device"], got["device"] = [2]int64{h.Devmajor, h.Devminor}, [2]int64{int64(m.DevMajor), int64(m.DevMinor)}
	}
	attrs := map[string]string{}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			attrs[name] = value
		}
	}
	for _, x := range m.Xattrs {
		if attrs[x.Name] != x.Value {
			return fmt.Sprintf("xattr %q: %q, Go has %q", x.Name, x.Value, attrs[x.Name])
		}
	}
	if len(m.Xattrs) != len(attrs) {
		return fmt.Sprintf("%d xattrs, Go has %d", len(m.Xattrs), len(attrs))
	}
	if maps.Equal(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

var types = map[byte]tree.Type{
	'0': tree.Regular, '1': tree.Hardlink, '2': tree.Symlink, '3': tree.CharDevice,
	'4': tree.BlockDevice, '5': tree.Directory, '6': tree.Fifo,
}

func TestAgreesWithGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		archive := archives.Draw(t, "archive")
		heads, bodies, goErr := goRead(archive)
		members, err := readAll(archive, 1<<20)
		if goErr != nil || err != nil {
			t.Fatalf("Go: %v; banger: %v", goErr, err)
		}
		if len(heads) != len(members) {
			t.Fatalf("%d entries, Go has %d", len(members), len(heads))
		}
		for i, m := range members {
			if d := differ(m, heads[i], bodies[i]); d != "" {
				t.Fatalf("entry %d: (-Go +banger) %s", i, d)
			}
		}
	})
}

// FuzzReader reads any bytes, and where Go reads them too, wants the same.
func FuzzReader(f *testing.F) {
	for _, form := range forms() {
		f.Add(tartest.Join(form.tar...))
	}
	f.Add(sparse1("9", blockOf("1\n0\n1\n")+"x"))
	f.Add(oldSparse(1<<20, strings.Repeat("x", 48), many...))
	f.Fuzz(func(t *testing.T, input []byte) {
		archive := bytes.Clone(input)
		mendChecksums(archive)
		members, err := readAll(archive, 64<<10)
		if err != nil {
			if !errors.Is(err, tarread.ErrFormat) && !errors.Is(err, tarread.ErrHeaderSize) {
				t.Fatalf("error without a sentinel: %v", err)
			}
			return
		}
		heads, bodies, goErr := goRead(archive)
		if goErr != nil || len(heads) != len(members) || !asGo(heads) {
			return
		}
		for i, m := range members {
			if d := differ(m, heads[i], bodies[i]); d != "" && m.Size <= 1<<20 {
				t.Errorf("entry %d: (-Go +banger) %s", i, d)
			}
		}
	})
}

// mendChecksums lets changed headers through to the code behind the checksum.
func mendChecksums(archive []byte) {
	for ; len(archive) >= tartest.BlockSize; archive = archive[tartest.BlockSize:] {
		if string(archive[257:262]) == "ustar" {
			tartest.Checksum(archive, false)
		}
	}
}

// asGo reports whether none of the documented differences from Go is at
// work in the archive.
func asGo(heads []*tar.Header) bool {
	for _, h := range heads {
		if types[h.Typeflag] == 0 && h.Typeflag != 'S' && h.Typeflag != '7' {
			return false
		}
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "LIBARCHIVE.xattr.") || strings.HasPrefix(key, "SCHILY.dev") || strings.HasPrefix(key, "GNU.sparse.") {
				return false
			}
		}
	}
	return true
}
