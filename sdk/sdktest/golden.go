package sdktest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"banger/sdk/tree"
)

// golden is a tree with its contents.
type golden struct {
	name string
	fill func(*maker)
}

// goldens are the trees that every builder is given. What a format cannot
// hold of them, its builder reports as losses.
var goldens = []golden{
	{"empty", func(*maker) {}},
	{"files", func(m *maker) {
		m.dir("etc")
		m.file("etc/empty", "")
		m.file("etc/hello", "hello, world\n")
		m.file("etc/block", strings.Repeat("b", 4096))
		m.file("etc/zeros", strings.Repeat("\x00", 10_000))
	}},
	{"names", func(m *maker) {
		m.dir("deep/" + strings.Repeat("d/", 40) + "d")
		for _, name := range []string{
			"new\nline", "tab\t", `back\slash`, `"quotes'`, " space ", "-dash", "#hash", "...", "ünïcode", "\xff\xfe", "a;b*?$(x)", strings.Repeat("n", 255),
		} {
			m.dir("names")
			m.file("names/"+name, name)
		}
		m.dir("a")
		m.file("a/b", "in a")
		m.file("a-b", "sorts between a and a/b")
	}},
	{"links", func(m *maker) {
		m.dir("bin")
		m.file("bin/one", "one inode")
		m.add(tree.Entry{Path: "bin/two", Type: tree.Hardlink, Target: "bin/one"})
		m.add(tree.Entry{Path: "three", Type: tree.Hardlink, Target: "bin/one"})
		m.symlink("sh", "bin/one")
		m.symlink("dangling", "/no/where")
		m.add(tree.Entry{Path: "zsh", Type: tree.Hardlink, Target: "sh"}) // a symlink has an inode, too
		m.add(tree.Entry{Path: "pipe", Type: tree.Fifo, Mode: 0o600})
		m.add(tree.Entry{Path: "pipe2", Type: tree.Hardlink, Target: "pipe"})
		m.symlink("long", strings.Repeat("t", 4000))
	}},
	{"owners-and-modes", func(m *maker) {
		for i, id := range []uint32{0, 1, 1000, 65534, 65536, 1<<32 - 2} {
			m.content(tree.Entry{Path: fmt.Sprint("owner", i), Mode: 0o644, UID: id, GID: id / 2}, "x")
		}
		for _, mode := range []uint32{0, 0o400, 0o644, 0o1755, 0o2755, 0o4755, 0o7777} {
			m.content(tree.Entry{Path: fmt.Sprintf("mode%04o", mode), Mode: mode}, "x")
			m.add(tree.Entry{Path: fmt.Sprintf("dir%04o", mode), Type: tree.Directory, Mode: mode})
		}
	}},
	{"times", func(m *maker) {
		for i, sec := range []int64{-1, 0, 1, 1_700_000_000, 1<<31 - 1, 1 << 31, 1 << 32} {
			m.content(tree.Entry{Path: fmt.Sprint("time", i), Mode: 0o644, MTime: tree.Time{Sec: sec}}, "x")
		}
		m.content(tree.Entry{Path: "nanoseconds", Mode: 0o644, MTime: tree.Time{Sec: 1_700_000_000, Nsec: 123_456_789}}, "x")
	}},
	{"xattrs", func(m *maker) {
		capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		m.content(tree.Entry{Path: "ping", Mode: 0o755, Xattrs: []tree.Xattr{{Name: "security.capability", Value: capability}}}, "ping")
		m.content(tree.Entry{Path: "user", Mode: 0o644, Xattrs: []tree.Xattr{{Name: "user.empty"}, {Name: "user.text", Value: "a\x00b"}}}, "x")
	}},
	{"devices", func(m *maker) {
		m.dir("dev")
		m.add(tree.Entry{Path: "dev/null", Type: tree.CharDevice, Mode: 0o666, DevMajor: 1, DevMinor: 3})
		m.add(tree.Entry{Path: "dev/loop0", Type: tree.BlockDevice, Mode: 0o660, GID: 6, DevMajor: 7})
		m.add(tree.Entry{Path: "dev/large", Type: tree.CharDevice, Mode: 0o600, DevMajor: 300, DevMinor: 70_000})
		m.add(tree.Entry{Path: "fifo", Type: tree.Fifo, Mode: 0o640})
	}},
	{"sparse", func(m *maker) {
		m.sparse("hole", 1<<26)
		m.sparse("data", 1<<25+5, piece{5000, "start"}, piece{1 << 24, strings.Repeat("m", 9000)})
	}},
	{"large", func(m *maker) {
		m.file("large", noise(largeSize))
		m.dir("many")
		for i := range 3000 {
			m.file(fmt.Sprintf("many/%04d", i), fmt.Sprint(i))
		}
	}},
}

// largeSize is the size of the large file in bytes.
const largeSize = 16 << 20

// noise returns bytes that no compressor makes fewer, always the same.
func noise(size int) string {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // does not fail
	return string(b)
}

// maker collects a tree's entries and contents.
type maker struct {
	entries []tree.Entry
	pack    bytes.Buffer
}

const layer = "sha256:0000000000000000000000000000000000000000000000000000000000000001"

// make makes the tree and its pack.
func (g golden) make() (*tree.Tree, []byte, error) {
	m := &maker{}
	m.add(tree.Entry{Type: tree.Directory, Mode: 0o755})
	g.fill(m)
	slices.SortFunc(m.entries, func(a, b tree.Entry) int { return strings.Compare(a.Path, b.Path) })
	t := &tree.Tree{Layers: []string{layer}, Entries: m.entries}
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Type == tree.Hardlink {
			inode := t.Lookup(e.Target)
			inode.Links = max(inode.Links, 1) + 1
		}
	}
	if err := t.Validate(); err != nil {
		return nil, nil, fmt.Errorf("golden tree %s: %w", g.name, err)
	}
	return t, m.pack.Bytes(), nil
}

func (m *maker) add(e tree.Entry) { m.entries = append(m.entries, e) }

// dir adds a directory and those above it, once.
func (m *maker) dir(path string) {
	if slices.ContainsFunc(m.entries, func(e tree.Entry) bool { return e.Path == path }) {
		return
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		m.dir(path[:i])
	}
	m.add(tree.Entry{Path: path, Type: tree.Directory, Mode: 0o755})
}

func (m *maker) file(path, content string) {
	m.content(tree.Entry{Path: path, Mode: 0o644}, content)
}

func (m *maker) symlink(path, target string) {
	m.add(tree.Entry{Path: path, Type: tree.Symlink, Mode: 0o777, Target: target})
}

func (m *maker) content(e tree.Entry, content string) {
	e.Type, e.Size, e.SHA256 = tree.Regular, int64(len(content)), sha256.Sum256([]byte(content))
	if content != "" {
		e.Extents = []tree.Extent{{PackOffset: int64(m.pack.Len()), Length: e.Size}}
		m.pack.WriteString(content)
	}
	m.add(e)
}

// piece is data in a sparse file.
type piece struct {
	offset int
	data   string
}

func (m *maker) sparse(path string, size int, pieces ...piece) {
	e := tree.Entry{Path: path, Type: tree.Regular, Mode: 0o644, Size: int64(size)}
	content := make([]byte, size)
	for _, p := range pieces {
		copy(content[p.offset:], p.data)
		e.Extents = append(e.Extents, tree.Extent{Offset: int64(p.offset), PackOffset: int64(m.pack.Len()), Length: int64(len(p.data))})
		m.pack.WriteString(p.data)
	}
	e.SHA256 = sha256.Sum256(content)
	m.add(e)
}
