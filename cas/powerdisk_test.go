package cas

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// storeBelow is where the store lies on a powerDisk: below directories that
// are made with it.
const storeBelow = "new/store"

// powerDisk is a model of a disk that forgets. It watches the calls on a real
// directory, and after the cut says what may have become of it, by the weakest
// of rules (fsync(2)): the content of a file is durable when the file was
// synced after its last change, and else may be the old, the new, nothing,
// zeros, or torn; a name in a directory is durable when the directory was
// synced after the name's last change, and else may lead to anything that it
// has led to since, each name by itself and in any order.
type powerDisk struct {
	// forget says which calls of sync and syncDir succeed without effect.
	forget func(c diskCall) bool

	mu    sync.Mutex
	calls int
	cutAt int
	cut   bool
	root  *node
	nodes map[uint64]*node // by inode number
}

// node is a file or a directory. It is kept open, so that its inode number
// means no other.
type node struct {
	path string // where it was seen last, for people
	f    *os.File
	dir  bool
	// entries are what names in a directory have led to since its last sync,
	// the durable one first; nil is nothing.
	entries map[string][]*node
	durable []byte // content of a file at its last sync
	current []byte // and at the cut
}

// newPowerDisk makes the directory root, which is durable, and cuts the power
// after so many calls.
func newPowerDisk(root string, calls int) *powerDisk {
	p := &powerDisk{cutAt: calls, nodes: map[uint64]*node{}, forget: func(diskCall) bool { return false }}
	if err := os.MkdirAll(root, 0o777); err != nil {
		panic(err)
	}
	p.root = p.node(root)
	return p
}

func (p *powerDisk) close() {
	for _, n := range p.nodes {
		_ = n.f.Close()
	}
}

func (p *powerDisk) disk() disk {
	return hookedDisk(quickDisk(), func(c diskCall, do func() error) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cut {
			return errPowerCut
		}
		if err := do(); err != nil {
			return err
		}
		p.note(c)
		if p.calls++; p.calls == p.cutAt {
			p.cut = true
			p.freeze()
		}
		return nil
	})
}

// note does to the model what the call has done.
func (p *powerDisk) note(c diskCall) {
	switch c.name {
	case "create", "mkdir", "link":
		p.lead(c.path, p.node(c.path))
	case "rename":
		p.lead(c.from, nil)
		p.lead(c.path, p.node(c.path))
	case "exchange":
		p.lead(c.from, p.node(c.from))
		p.lead(c.path, p.node(c.path))
	case "sync":
		if !p.forget(c) {
			n := p.nodeOf(c.f)
			n.durable = n.read()
		}
	case "syncDir":
		if !p.forget(c) {
			for name, led := range p.node(c.path).entries {
				p.node(c.path).entries[name] = led[len(led)-1:]
			}
		}
	}
}

// lead notes that path leads to n from now on.
func (p *powerDisk) lead(path string, n *node) {
	parent, name := p.node(filepath.Dir(path)), filepath.Base(path)
	if len(parent.entries[name]) == 0 {
		parent.entries[name] = []*node{nil}
	}
	parent.entries[name] = append(parent.entries[name], n)
}

// node returns what is at path now.
func (p *powerDisk) node(path string) *node {
	f, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	n := p.nodeOf(f)
	n.path = path
	if n.f != f {
		_ = f.Close()
	}
	return n
}

// nodeOf returns the node of an open file, which becomes the node's when it is
// a new one.
func (p *powerDisk) nodeOf(f *os.File) *node {
	info, err := f.Stat()
	if err != nil {
		panic(err)
	}
	ino := info.Sys().(*syscall.Stat_t).Ino
	if p.nodes[ino] == nil {
		p.nodes[ino] = &node{path: f.Name(), f: f, dir: info.IsDir(), entries: map[string][]*node{}}
		if again, err := reopen(f); err == nil { // f may be closed by its owner
			p.nodes[ino].f = again
		}
	}
	return p.nodes[ino]
}

func (n *node) read() []byte {
	b, err := io.ReadAll(io.NewSectionReader(n.f, 0, 1<<30))
	if err != nil {
		panic(err)
	}
	return b
}

// freeze keeps what files hold at the cut.
func (p *powerDisk) freeze() {
	for _, n := range p.nodes {
		if !n.dir {
			n.current = n.read()
		}
	}
}

// comeBack makes dir hold what the disk holds after the cut, where pick
// chooses one of n things that may be.
func (p *powerDisk) comeBack(dir string, pick func(n int) int) error {
	if !p.cut {
		p.cut = true
		p.freeze()
	}
	return p.root.comeBack(dir, pick)
}

func (n *node) comeBack(path string, pick func(n int) int) error {
	if !n.dir {
		return os.WriteFile(path, n.survives(pick), 0o644)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		led := n.entries[name]
		child := led[0]
		if len(led) > 1 {
			child = led[pick(len(led))]
		}
		if child == nil {
			continue
		}
		if err := child.comeBack(filepath.Join(path, name), pick); err != nil {
			return err
		}
	}
	return nil
}

// survives returns what a file may hold after the cut.
func (n *node) survives(pick func(n int) int) []byte {
	if bytes.Equal(n.durable, n.current) {
		return n.durable
	}
	half := len(n.current) / 2
	may := [][]byte{
		n.durable, n.current,
		{},
		make([]byte, len(n.current)), n.current[:half],
		append(bytes.Clone(n.current[:half]), make([]byte, len(n.current)-half)...),
		append(make([]byte, half), n.current[half:]...),
	}
	return may[pick(len(may))]
}

// describe lists what was not durable at the cut.
func (p *powerDisk) describe() string {
	var b strings.Builder
	for _, n := range p.nodes {
		for name, led := range n.entries {
			if len(led) > 1 && !strings.Contains(n.path, "/tmp/") {
				fmt.Fprintf(&b, "%s/%s has led to %d things\n", n.path, name, len(led))
			}
		}
		if !bytes.Equal(n.durable, n.current) {
			fmt.Fprintf(&b, "%s is not synced\n", n.path)
		}
	}
	return b.String()
}

// isCall matches calls by name and by the last part of their path.
func isCall(name, base string) func(c diskCall) bool {
	return func(c diskCall) bool {
		ok, err := filepath.Match(base, filepath.Base(c.path))
		return c.name == name && (base == "" || ok && err == nil)
	}
}

// below matches calls by name and by the end of their path.
func (p *powerDisk) below(name, end string) func(c diskCall) bool {
	return func(c diskCall) bool { return c.name == name && strings.HasSuffix(c.path, "/"+end) }
}

// isAnonymous matches the sync of a file that has no name yet.
func isAnonymous(c diskCall) bool {
	if c.name != "sync" {
		return false
	}
	info, err := c.f.Stat()
	return err == nil && info.Sys().(*syscall.Stat_t).Nlink == 0
}
