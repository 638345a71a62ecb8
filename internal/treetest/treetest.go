// Package treetest makes trees with contents for tests: by hand with a
// [Builder], or at random with [Draw].
package treetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"banger/sdk/tree"
)

// A Builder collects the entries and contents of one tree. Its methods panic
// where the test machine or the test's own data fails.
type Builder struct {
	tree tree.Tree
	pack *os.File
	end  int64
}

// DiffID of the one layer that a Builder's tree has.
const DiffID = "sha256:0000000000000000000000000000000000000000000000000000000000000001"

// New begins a tree whose pack is an unlinked file in dir. The root is there:
// 0755, owned by 0:0, mtime 0.
func New(dir string) *Builder {
	f, err := os.CreateTemp(dir, "pack-")
	if err == nil {
		err = errors.Join(f.Chmod(0o644), os.Remove(f.Name())) // others may open it by its descriptor
	}
	if err != nil {
		panic(err)
	}
	b := &Builder{pack: f}
	b.tree.Layers = []string{DiffID}
	b.Add(tree.Entry{Type: tree.Directory, Mode: 0o755})
	return b
}

// Add adds an entry as it is, replacing one of the same path.
func (b *Builder) Add(e tree.Entry) {
	b.tree.Entries = slices.DeleteFunc(b.tree.Entries, func(o tree.Entry) bool { return o.Path == e.Path })
	b.tree.Entries = append(b.tree.Entries, e)
}

// Dir adds a directory, 0755.
func (b *Builder) Dir(path string) {
	b.Add(tree.Entry{Path: path, Type: tree.Directory, Mode: 0o755})
}

// File adds a regular file, 0644.
func (b *Builder) File(path, content string) {
	b.Content(tree.Entry{Path: path, Mode: 0o644}, content)
}

// Link adds a further name for the inode at target.
func (b *Builder) Link(path, target string) {
	b.Add(tree.Entry{Path: path, Type: tree.Hardlink, Target: target})
}

// Content adds e as a regular file with the content.
func (b *Builder) Content(e tree.Entry, content string) {
	b.Sparse(e, int64(len(content)), Piece{0, content})
}

// Contents adds many regular files at once, the i-th with content(i). Their
// paths must be new.
func (b *Builder) Contents(entries []tree.Entry, content func(i int) string) {
	for i, e := range entries {
		data := content(i)
		e.Type, e.Size, e.SHA256 = tree.Regular, int64(len(data)), sha256.Sum256([]byte(data))
		if data != "" {
			e.Extents = []tree.Extent{{PackOffset: b.put(data), Length: e.Size}}
		}
		b.tree.Entries = append(b.tree.Entries, e)
	}
}

// Piece is data in a sparse file.
type Piece struct {
	Offset int64
	Data   string
}

// Sparse adds e as a regular file of size bytes that holds the pieces, in
// order, and holes between them.
func (b *Builder) Sparse(e tree.Entry, size int64, pieces ...Piece) {
	e.Type, e.Size = tree.Regular, size
	sum := sha256.New()
	var at int64
	zeros := func(to int64) {
		for buf := make([]byte, 1<<20); at < to; {
			n := min(to-at, int64(len(buf)))
			sum.Write(buf[:n])
			at += n
		}
	}
	for _, p := range pieces {
		if p.Data == "" {
			continue
		}
		zeros(p.Offset)
		sum.Write([]byte(p.Data))
		at += int64(len(p.Data))
		e.Extents = append(e.Extents, tree.Extent{Offset: p.Offset, PackOffset: b.put(p.Data), Length: int64(len(p.Data))})
	}
	zeros(size)
	sum.Sum(e.SHA256[:0])
	b.Add(e)
}

// put appends to the pack as the unpacker does: large bodies on a 4 KiB
// boundary, small ones packed tight.
func (b *Builder) put(data string) int64 {
	if len(data) >= 64<<10 {
		b.end = (b.end + 4095) &^ 4095
	}
	at := b.end
	if _, err := b.pack.WriteAt([]byte(data), at); err != nil {
		panic(err)
	}
	b.end += int64(len(data))
	return at
}

// Tree returns the tree, sorted and valid, with its packs.
func (b *Builder) Tree() (*tree.Tree, *Packs) {
	t := &tree.Tree{Layers: b.tree.Layers, Entries: slices.Clone(b.tree.Entries)}
	slices.SortFunc(t.Entries, func(x, y tree.Entry) int { return strings.Compare(x.Path, y.Path) })
	for i := range t.Entries {
		if e := &t.Entries[i]; e.Type == tree.Hardlink {
			if inode := t.Lookup(e.Target); inode != nil {
				inode.Links = max(inode.Links, 1) + 1
			}
		}
	}
	if err := t.Validate(); err != nil {
		panic(fmt.Sprintf("test tree: %v", err))
	}
	return t, &Packs{b.pack}
}

// Packs holds the one pack of a Builder's tree.
type Packs struct{ File *os.File }

// Pack implements [tree.Packs].
func (p *Packs) Pack(layer int) (*os.File, error) {
	if layer != 0 {
		return nil, fmt.Errorf("pack %d of one", layer)
	}
	return p.File, nil
}
