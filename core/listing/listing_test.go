package listing_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"banger/core/listing"
	"banger/internal/need"
	"banger/internal/treetest"
	"banger/sdk/tree"
)

// sample has one of everything, and one name that is an attack on a terminal.
func sample(t *testing.T) *tree.Tree {
	b := treetest.New(t.TempDir())
	at := tree.Time{Sec: 1679572800}
	b.Dir("dev")
	b.Add(tree.Entry{Path: "dev/null", Type: tree.CharDevice, Mode: 0o666, DevMajor: 1, DevMinor: 3, MTime: at})
	b.Add(tree.Entry{Path: "dev/loop", Type: tree.BlockDevice, Mode: 0o660, GID: 6, DevMajor: 7, MTime: at})
	b.Add(tree.Entry{Path: "dev/log", Type: tree.Fifo, Mode: 0o1622, UID: 4294967294, GID: 4294967295, MTime: tree.Time{Sec: -2, Nsec: 250000000}})
	b.Content(tree.Entry{Path: "su", Mode: 0o4755, MTime: at, Xattrs: []tree.Xattr{
		{Name: "security.capability", Value: "\x01\x00"}, {Name: "user.a=b c", Value: `"hi"`},
	}}, "content")
	b.Content(tree.Entry{Path: "sgid", Mode: 0o6610, MTime: tree.Time{Sec: 1 << 40}}, "")
	b.Link("su2", "su")
	b.Add(tree.Entry{Path: "link", Type: tree.Symlink, Mode: 0o777, Target: "\xff/to\n", MTime: at})
	b.File("\x1b]0;pwned\a \\n é\u202e日", "")
	tr, _ := b.Tree()
	return tr
}

func list(t testing.TB, f func(io.Writer, *tree.Tree) error, tr *tree.Tree) string {
	t.Helper()
	var b strings.Builder
	if err := f(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	const want = `drwxr-xr-x 0:0          0 1970-01-01T00:00:00Z /
-rw-r--r-- 0:0          0 1970-01-01T00:00:00Z /\033]0;pwned\007 \134n é\342\200\256日
drwxr-xr-x 0:0          0 1970-01-01T00:00:00Z /dev
prw--w--wT 4294967294:4294967295 0 1969-12-31T23:59:58.25Z /dev/log
brw-rw---- 0:6        7,0 2023-03-23T12:00:00Z /dev/loop
crw-rw-rw- 0:0        1,3 2023-03-23T12:00:00Z /dev/null
lrwxrwxrwx 0:0          0 2023-03-23T12:00:00Z /link -> \377/to\012
-rwS--s--- 0:0          0 @1099511627776.000000000 /sgid
-rwsr-xr-x 0:0          7 2023-03-23T12:00:00Z /su [security.capability=0x0100 user.a=b c="\"hi\""]
hrwsr-xr-x 0:0          0 2023-03-23T12:00:00Z /su2 link to /su [security.capability=0x0100 user.a=b c="\"hi\""]
`
	if d := cmp.Diff(want, list(t, listing.Text, sample(t))); d != "" {
		t.Error(d)
	}
}

func TestMtree(t *testing.T) {
	const sum = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	const want = `#mtree v2.0
. type=dir mode=0755 uid=0 gid=0 time=0.000000000
./\033]0;pwned\007\040\134n\040\303\251\342\200\256\346\227\245 type=file mode=0644 uid=0 gid=0 time=0.000000000 nlink=1 size=0 sha256digest=` + empty + `
./dev type=dir mode=0755 uid=0 gid=0 time=0.000000000
./dev/log type=fifo mode=1622 uid=4294967294 gid=4294967295 time=-2.250000000 nlink=1
./dev/loop type=block mode=0660 uid=0 gid=6 time=1679572800.000000000 nlink=1 device=native,7,0
./dev/null type=char mode=0666 uid=0 gid=0 time=1679572800.000000000 nlink=1 device=native,1,3
./link type=link mode=0777 uid=0 gid=0 time=1679572800.000000000 nlink=1 link=\377/to\012
./sgid type=file mode=6610 uid=0 gid=0 time=1099511627776.000000000 nlink=1 size=0 sha256digest=` + empty + `
./su type=file mode=4755 uid=0 gid=0 time=1679572800.000000000 nlink=2 size=7 sha256digest=` + sum + ` xattr.security.capability=AQA= xattr.user.a\075b\040c=ImhpIg==
./su2 type=file mode=4755 uid=0 gid=0 time=1679572800.000000000 nlink=2 size=7 sha256digest=` + sum + ` xattr.security.capability=AQA= xattr.user.a\075b\040c=ImhpIg==
`
	if d := cmp.Diff(want, list(t, listing.Mtree, sample(t))); d != "" {
		t.Error(d)
	}
}

// TestSafe: no format ever writes a control byte, or anything but UTF-8.
func TestSafe(t *testing.T) {
	dir := t.TempDir()
	formats := map[string]func(io.Writer, *tree.Tree) error{"text": listing.Text, "json": listing.JSON, "mtree": listing.Mtree}
	rapid.Check(t, func(rt *rapid.T) {
		tr, _ := treetest.Draw(rt, dir, treetest.Limits{})
		for i := range tr.Entries { // anything at all
			if e := &tr.Entries[i]; e.Type == tree.Symlink {
				e.Target = string(rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "target")) + rapid.String().Draw(rt, "more")
				e.Xattrs = []tree.Xattr{{Name: rapid.String().Draw(rt, "name"), Value: rapid.String().Draw(rt, "value")}}
			}
		}
		for name, f := range formats {
			s := list(t, f, tr)
			if !utf8.ValidString(s) {
				rt.Errorf("%s: not UTF-8", name)
			}
			for _, r := range s {
				if r != '\n' && !unicode.IsPrint(r) {
					rt.Errorf("%s: %U", name, r)
				}
			}
			if lines := strings.Count(s, "\n"); name == "text" && lines != len(tr.Entries) {
				rt.Errorf("%d lines for %d entries", lines, len(tr.Entries))
			}
		}
	})
}

// jsonTree is the JSON as its documentation describes it.
type jsonTree struct {
	Layers  []string
	Entries []struct {
		Path       string
		PathBase64 []byte `json:"path_base64"`
		Type, Mode string
		UID, GID   uint32
		MTimeSec   int64  `json:"mtime_sec"`
		MTimeNsec  uint32 `json:"mtime_nsec"`
		Xattrs     []struct {
			Name        string
			NameBase64  []byte `json:"name_base64"`
			Value       string
			ValueBase64 []byte `json:"value_base64"`
		}
		Target       string
		TargetBase64 []byte `json:"target_base64"`
		DevMajor     uint32 `json:"dev_major"`
		DevMinor     uint32 `json:"dev_minor"`
		Links        uint32
		Size         int64
		SHA256       string
		Extents      []struct {
			Offset, Length int64
			Layer          int
			PackOffset     int64 `json:"pack_offset"`
		}
	}
}

func (j *jsonTree) tree(t *rapid.T) *tree.Tree {
	tr := &tree.Tree{Layers: j.Layers}
	types := map[string]tree.Type{
		"file": tree.Regular, "directory": tree.Directory, "symlink": tree.Symlink, "hardlink": tree.Hardlink,
		"char": tree.CharDevice, "block": tree.BlockDevice, "fifo": tree.Fifo,
	}
	for _, o := range j.Entries {
		e := tree.Entry{
			Path: o.Path + string(o.PathBase64), Type: types[o.Type], UID: o.UID, GID: o.GID, MTime: tree.Time{Sec: o.MTimeSec, Nsec: o.MTimeNsec},
			Target: o.Target + string(o.TargetBase64), DevMajor: o.DevMajor, DevMinor: o.DevMinor, Links: o.Links, Size: o.Size,
		}
		for _, c := range []byte(o.Mode) {
			e.Mode = e.Mode<<3 | uint32(c-'0')
		}
		for _, x := range o.Xattrs {
			e.Xattrs = append(e.Xattrs, tree.Xattr{Name: x.Name + string(x.NameBase64), Value: x.Value + string(x.ValueBase64)})
		}
		if _, err := hex.Decode(e.SHA256[:], []byte(o.SHA256)); err != nil {
			t.Fatal(err)
		}
		for _, x := range o.Extents {
			e.Extents = append(e.Extents, tree.Extent{Offset: x.Offset, Layer: x.Layer, PackOffset: x.PackOffset, Length: x.Length})
		}
		tr.Entries = append(tr.Entries, e)
	}
	return tr
}

func TestJSONSaysItAll(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		want, _ := treetest.Draw(rt, dir, treetest.Limits{})
		d := json.NewDecoder(strings.NewReader(list(t, listing.JSON, want)))
		d.DisallowUnknownFields()
		var got jsonTree
		if err := d.Decode(&got); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got.tree(rt), cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// TestBsdtarReadsMtree has bsdtar read a specification and write down what it
// understood.
func TestBsdtarReadsMtree(t *testing.T) {
	bsdtar := need.Tool(t, "bsdtar", "libarchive-tools")
	dir, empty := t.TempDir(), t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		tr, _ := treetest.Draw(rt, dir, treetest.Limits{Kernel: true})
		for i := range tr.Entries {
			tr.Entries[i].Xattrs = nil // libarchive does not know that keyword
		}
		path := filepath.Join(dir, "spec")
		if err := os.WriteFile(path, []byte(list(t, listing.Mtree, tr)), 0o600); err != nil {
			rt.Fatal(err)
		}
		options := "mtree:!all,mtree:type,mtree:mode,mtree:uid,mtree:gid,mtree:time,mtree:nlink,mtree:size,mtree:link,mtree:device"
		cmd := exec.CommandContext(t.Context(), bsdtar, "-cf", "-", "--format=mtree", "--options="+options, "@"+path)
		cmd.Dir = empty // it takes what it misses from files
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil {
			rt.Fatalf("%v: %s", err, &stderr)
		}
		if d := cmp.Diff(wantedMtree(tr), parseMtree(out.String())); d != "" {
			rt.Fatal(d)
		}
	})
}

func wantedMtree(tr *tree.Tree) map[string]map[string]string {
	types := map[tree.Type]string{
		tree.Regular: "file", tree.Directory: "dir", tree.Symlink: "link",
		tree.CharDevice: "char", tree.BlockDevice: "block", tree.Fifo: "fifo",
	}
	all := map[string]map[string]string{}
	for i := range tr.Entries {
		e := &tr.Entries[i]
		path := strings.TrimSuffix("./"+e.Path, "/")
		if e.Type == tree.Hardlink {
			e = tr.Lookup(e.Target)
		}
		m := map[string]string{
			"type": types[e.Type], "mode": fmt.Sprintf("%o", e.Mode), "uid": fmt.Sprint(e.UID), "gid": fmt.Sprint(e.GID),
			"time": fmt.Sprintf("%d.%d", e.MTime.Sec, e.MTime.Nsec), // it writes nanoseconds without leading zeros
		}
		if e.Links > 1 {
			m["nlink"] = fmt.Sprint(e.Links)
		}
		switch e.Type {
		case tree.Regular:
			m["size"] = fmt.Sprint(e.Size)
		case tree.Symlink:
			m["link"] = e.Target
		case tree.CharDevice, tree.BlockDevice:
			m["device"] = fmt.Sprintf("native,%d,%d", e.DevMajor, e.DevMinor)
		}
		all[path] = m
	}
	return all
}

func parseMtree(s string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for line := range strings.Lines(s) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		m := map[string]string{}
		for _, f := range fields[1:] {
			key, value, _ := strings.Cut(f, "=")
			m[key] = unvis(value)
		}
		all[unvis(fields[0])] = m
	}
	return all
}

var octal = regexp.MustCompile(`\\[0-7]{3}`)

func unvis(s string) string {
	return octal.ReplaceAllStringFunc(s, func(o string) string {
		n, _ := strconv.ParseUint(o[1:], 8, 8)
		return string([]byte{byte(n)})
	})
}

func TestErrors(t *testing.T) {
	full := errors.New("full")
	for name, f := range map[string]func(io.Writer, *tree.Tree) error{"text": listing.Text, "json": listing.JSON, "mtree": listing.Mtree} {
		if err := f(failing{full}, sample(t)); !errors.Is(err, full) {
			t.Errorf("%s: %v", name, err)
		}
		if err := f(io.Discard, &tree.Tree{Entries: []tree.Entry{{Path: "x", Type: tree.Hardlink, Target: "y"}}}); !errors.Is(err, tree.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
