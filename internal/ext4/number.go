package ext4

import (
	"banger/sdk/tree"
)

// MaxFileSize is the longest file of an image in bytes: 2^32-1 blocks.
const MaxFileSize = (1<<32 - 1) * BlockSize

const lostFoundName = "lost+found"

// namesOf are the names in each directory of a tree: indices of entries.
type namesOf struct {
	dirs  map[string]int32 // by path: the number of the directory
	of    []int32          // for each entry, the number of the directory it is
	start []int32          // for each directory, and one more
	list  []int32
}

// in returns the entries in the directory that entry i is, in the order of
// their names.
func (n *namesOf) in(i int) []int32 {
	d := n.of[i]
	return n.list[n.start[d]:n.start[d+1]]
}

// listNames finds out what is in which directory. Trees are sorted by path,
// so that the names of one directory come in their order. Entries that ext4
// cannot hold are noted and left out with all below them.
func (d *Draft) listNames() namesOf {
	entries := d.tree.Entries
	n := namesOf{dirs: map[string]int32{"": 0}, of: make([]int32, len(entries)), start: make([]int32, 2)}
	parents := make([]int32, len(entries))
	for i := 1; i < len(entries); i++ {
		e := &entries[i]
		parent, ok := n.dirs[tree.Dir(e.Path)]
		why := d.cannotHold(e)
		if !ok {
			why = "its directory is left out"
		}
		if why != "" {
			d.omitted = append(d.omitted, Omission{i, why})
			parents[i] = noEntry
			continue
		}
		parents[i] = parent
		n.start[parent+1]++
		if e.Type == tree.Directory {
			n.of[i] = int32(len(n.dirs))
			n.dirs[e.Path] = n.of[i]
			n.start = append(n.start, 0)
		}
	}
	n.dirs = nil
	for k := 1; k < len(n.start); k++ {
		n.start[k] += n.start[k-1]
	}
	n.list = make([]int32, n.start[len(n.start)-1])
	next := append([]int32(nil), n.start...)
	for i := 1; i < len(entries); i++ {
		if parent := parents[i]; parent != noEntry {
			n.list[next[parent]] = int32(i)
			next[parent]++
		}
	}
	return n
}

// cannotHold returns why ext4 has no place for e.
func (d *Draft) cannotHold(e *tree.Entry) string {
	if len(tree.Base(e.Path)) > MaxName {
		return "a name in ext4 has at most 255 bytes"
	}
	if e.Type == tree.Hardlink {
		e = d.tree.Lookup(e.Target)
	}
	switch {
	case e.Type == tree.Regular && e.Size > MaxFileSize:
		return "a file in ext4 is shorter than 16 TiB"
	case e.Type == tree.Symlink && len(e.Target) >= BlockSize:
		return "a symlink in ext4 has at most 4095 bytes"
	}
	return ""
}

// number gives every entry its inode: from 12 on in the order in which a walk
// by names meets them, as mke2fs -d does it.
func (d *Draft) number() {
	w := numberer{Draft: d, next: firstInode, shared: make(map[int32]int32)}
	d.numbers = make([]uint32, len(d.tree.Entries))
	d.numbers[0] = RootInode
	d.inodes = append(d.inodes, inode{number: RootInode, links: 2})
	w.lostFound()
	w.walk(0, 0)
}

type numberer struct {
	*Draft
	next   uint32
	shared map[int32]int32 // the last inode, by the entry that has its attributes, of those with several names
}

// lostFound gives /lost+found its number, whether it is the tree's or not.
func (w *numberer) lostFound() {
	n := inode{number: LostFoundInode, entry: noEntry, links: 2}
	for _, i := range w.names.in(0) {
		if e := &w.tree.Entries[i]; e.Path == lostFoundName {
			if e.Type != tree.Directory {
				return
			}
			n.entry, w.numbers[i] = i, LostFoundInode
		}
	}
	if n.entry == noEntry && !w.o.LostFound {
		return
	}
	if n.entry == noEntry {
		w.inodes[0].links++
	}
	w.inodes = append(w.inodes, n)
}

// walk numbers what is below the directory that entry dir and inode at are.
func (w *numberer) walk(dir int, at int) {
	for _, i := range w.names.in(dir) {
		if w.tree.Entries[i].Type != tree.Directory {
			w.name(i)
			continue
		}
		w.inodes[at].links++
		child := 1 // lost+found
		if w.numbers[i] == 0 {
			child = w.add(i)
			w.inodes[child].links = 2
			w.numbers[i] = w.inodes[child].number
		}
		w.walk(int(i), child)
	}
}

// name gives entry i, which is no directory, its inode. Beyond what one inode
// can have of names, the next one is begun.
func (w *numberer) name(i int32) {
	e := &w.tree.Entries[i]
	if e.Type != tree.Hardlink && e.Links < 2 {
		w.numbers[i] = w.inodes[w.add(i)].number
		return
	}
	carrier := i
	if e.Type == tree.Hardlink {
		carrier = int32(w.tree.Index(e.Target))
	}
	at, ok := w.shared[carrier]
	if !ok || w.inodes[at].links == MaxLinks {
		at = int32(w.add(carrier))
		w.inodes[at].links = 0
		w.shared[carrier] = at
	}
	w.inodes[at].links++
	w.numbers[i] = w.inodes[at].number
}

// add begins an inode with one name and returns its place.
func (w *numberer) add(entry int32) int {
	w.inodes = append(w.inodes, inode{number: w.next, entry: entry, links: 1})
	w.next++
	return len(w.inodes) - 1
}

// at returns the inode of a number.
func (d *Draft) at(number uint32) *inode {
	switch number {
	case RootInode:
		return &d.inodes[0]
	case LostFoundInode:
		return &d.inodes[1]
	}
	return &d.inodes[len(d.inodes)-1-int(d.inodes[len(d.inodes)-1].number-number)]
}

// dirents lists what is in the directory that entry i is.
func (d *Draft) dirents(i int) []dirent {
	in := d.names.in(i)
	list := make([]dirent, 0, len(in)+1)
	if i == 0 && len(d.inodes) > 1 && d.inodes[1].number == LostFoundInode && d.inodes[1].entry == noEntry {
		list = append(list, dirent{name: lostFoundName, inode: LostFoundInode, kind: dirKindDir})
	}
	for _, k := range in {
		n := d.numbers[k]
		carrier := &d.tree.Entries[d.at(n).entry]
		list = append(list, dirent{name: tree.Base(d.tree.Entries[k].Path), inode: n, kind: dirKinds[carrier.Type]})
	}
	return list
}

// The file types in directory entries (directory.rst).
const (
	dirKindDir  = 2
	dirKindTail = 0xde // of the fake entry that holds a checksum
)

var dirKinds = [...]uint8{
	tree.Regular: 1, tree.Directory: dirKindDir, tree.CharDevice: 3, tree.BlockDevice: 4, tree.Fifo: 5, tree.Symlink: 7,
}
