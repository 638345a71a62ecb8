package ext4

import (
	"banger/sdk/tree"
)

const lostFoundName = "lost+found"

// number gives every entry its inode: from 12 on in the order in which a walk
// by names meets them, as mke2fs -d does it.
func (d *Draft) number() {
	w := numberer{Draft: d, next: firstInode, shared: make(map[int32]int32)}
	d.numbers = make([]uint32, len(d.tree.Entries))
	d.inodes = make([]inode, 0, len(d.tree.Entries)+1)
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
	for _, i := range w.dirs.In(0) {
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
	for _, i := range w.dirs.In(dir) {
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

// direntsOf appends to list what is in the directory that entry i is.
func (d *Draft) direntsOf(list []dirent, i int) []dirent {
	if i == 0 && len(d.inodes) > 1 && d.inodes[1].number == LostFoundInode && d.inodes[1].entry == noEntry {
		list = append(list, dirent{name: lostFoundName, inode: LostFoundInode, kind: dirKindDir})
	}
	for _, k := range d.dirs.In(i) {
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
