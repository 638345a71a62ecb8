package mkfserofs

import (
	"slices"
	"strings"

	"banger/sdk/tree"
)

// dirent is a name in a directory, and the entry whose inode it names.
type dirent struct {
	name  string
	entry int
}

// dirents lists what is in the directory that entry i is, "." and ".." among
// the rest, by the bytes of the names.
func (p *plan) dirents(i int) []dirent {
	in := p.dirs.In(i)
	list := make([]dirent, 0, len(in)+2)
	for _, k := range in {
		list = append(list, dirent{tree.Base(p.tree.Entries[k].Path), p.carrier(int(k))})
	}
	parent := p.tree.Index(tree.Dir(p.tree.Entries[i].Path))
	for _, d := range []dirent{{".", i}, {"..", parent}} {
		at, _ := slices.BinarySearchFunc(list, d, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
		list = slices.Insert(list, at, d)
	}
	return list
}

// cut returns how many of the names fit into a block, and the bytes that they
// take.
func cut(list []dirent) (n, size int) {
	for ; n < len(list); n++ {
		more := direntSize + len(list[n].name)
		if size+more > blockSize {
			break
		}
		size += more
	}
	return n, size
}

// dirSize is the size of the directory that entry i is: whole blocks, and what
// the last one holds.
func (p *plan) dirSize(i int) int64 {
	whole := int64(0)
	for list := p.dirents(i); ; whole += blockSize {
		n, size := cut(list)
		if list = list[n:]; len(list) == 0 {
			return whole + int64(size)
		}
	}
}

// appendDirectory appends the blocks of the directory that entry i is, the last
// one as far as it goes.
func (p *plan) appendDirectory(b []byte, i int) []byte {
	for list := p.dirents(i); len(list) > 0; {
		n, size := cut(list)
		b = p.appendNames(b, list[:n])
		if list = list[n:]; len(list) > 0 {
			b = append(b, make([]byte, blockSize-size)...)
		}
	}
	return b
}

// appendNames appends the entries of one block, and then their names.
func (p *plan) appendNames(b []byte, list []dirent) []byte {
	at := len(list) * direntSize
	for _, d := range list {
		b = le.AppendUint64(b, uint64(p.nodes[d.entry].number))
		b = le.AppendUint16(b, uint16(at))
		b = append(b, fileTypes[p.tree.Entries[d.entry].Type], 0)
		at += len(d.name)
	}
	for _, d := range list {
		b = append(b, d.name...)
	}
	return b
}
