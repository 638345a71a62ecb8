// Package dirs finds out what is in which directory of a tree, for the writers
// of filesystems.
package dirs

import (
	"banger/sdk/tree"
)

// What Linux, or a filesystem of 2^32 blocks of 4 KiB, has no room for, in
// bytes.
const (
	// MaxName is the longest name of a directory entry (NAME_MAX).
	MaxName = 255
	// MaxTarget is the longest target of a symlink (PATH_MAX less its end).
	MaxTarget = 4095
	// MaxFileSize is the longest file.
	MaxFileSize = (1<<32 - 1) * 4096
)

// Omission is an entry of a tree that a filesystem cannot hold at all.
type Omission struct {
	Entry int
	Why   string
}

// Dirs are the names in each directory of a tree: indices of its entries. Its
// methods may be called from several goroutines.
type Dirs struct {
	of    []int32 // for each entry, the number of the directory it is
	start []int32 // for each directory, and one more
	list  []int32
}

// In returns the entries in the directory that entry i is, in the order of
// their names. Nobody may change them.
func (n *Dirs) In(i int) []int32 {
	d := n.of[i]
	return n.list[n.start[d]:n.start[d+1]]
}

// none is the directory of what is left out.
const none = -1

// List finds out what is in which directory of t. Trees are sorted by path, so
// that the names of one directory come in their order. Entries that the named
// filesystem cannot hold are returned, and left out with all below them.
func List(t *tree.Tree, filesystem string) (*Dirs, []Omission) {
	l := lister{tree: t, byPath: map[string]int32{"": 0}, parents: make([]int32, len(t.Entries))}
	l.of, l.start = make([]int32, len(t.Entries)), make([]int32, 2)
	for i := 1; i < len(t.Entries); i++ {
		l.add(i, filesystem)
	}
	l.sort()
	return &l.Dirs, l.omitted
}

type lister struct {
	Dirs
	tree    *tree.Tree
	byPath  map[string]int32 // the numbers of directories
	last    string           // the path of a directory
	lastDir int32            // its number
	parents []int32          // the number of each entry's directory, or none
	omitted []Omission
}

// add counts entry i, whose parent has been added.
func (l *lister) add(i int, filesystem string) {
	e := &l.tree.Entries[i]
	parent, ok := l.parent(tree.Dir(e.Path))
	why := l.cannotHold(e, filesystem)
	if !ok {
		why = "its directory is left out"
	}
	if why != "" {
		l.omitted = append(l.omitted, Omission{i, why})
		l.parents[i] = none
		return
	}
	l.parents[i] = parent
	l.start[parent+1]++
	if e.Type == tree.Directory {
		l.of[i] = int32(len(l.byPath))
		l.byPath[e.Path] = l.of[i]
		l.start = append(l.start, 0)
	}
}

// parent returns the number of the directory dir, which is often that of the
// entry before.
func (l *lister) parent(dir string) (int32, bool) {
	if dir == l.last {
		return l.lastDir, true
	}
	n, ok := l.byPath[dir]
	if ok {
		l.last, l.lastDir = dir, n
	}
	return n, ok
}

// cannotHold returns why the filesystem has no place for e.
func (l *lister) cannotHold(e *tree.Entry, filesystem string) string {
	if len(tree.Base(e.Path)) > MaxName {
		return "a name in " + filesystem + " has at most 255 bytes"
	}
	if e.Type == tree.Hardlink {
		e = l.tree.Lookup(e.Target)
	}
	switch {
	case e.Type == tree.Regular && e.Size > MaxFileSize:
		return "a file in " + filesystem + " is shorter than 16 TiB"
	case e.Type == tree.Symlink && len(e.Target) > MaxTarget:
		return "a symlink in " + filesystem + " has at most 4095 bytes"
	}
	return ""
}

// sort makes the list of what has been counted.
func (l *lister) sort() {
	for k := 1; k < len(l.start); k++ {
		l.start[k] += l.start[k-1]
	}
	l.list = make([]int32, l.start[len(l.start)-1])
	next := append([]int32(nil), l.start...)
	for i := 1; i < len(l.parents); i++ {
		if parent := l.parents[i]; parent != none {
			l.list[next[parent]] = int32(i)
			next[parent]++
		}
	}
}
