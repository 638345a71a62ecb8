package ext4

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// direntHeader is the size of a directory entry without its name; direntTail
// that of the fake entry at a block's end that holds its checksum.
const (
	direntHeader = 8
	direntTail   = 12
)

// Dirent is one name of a directory.
type Dirent struct {
	Name  string
	Inode uint32

	kind  uint8  // of dirKinds
	block uint64 // where it stands
	at    int
}

// ReadDir returns the names of a directory in their order on disk, without
// "." and "..".
func (m *Image) ReadDir(dir *Inode) ([]Dirent, error) {
	var list []Dirent
	err := m.EachName(dir, func(d Dirent) error {
		list = append(list, d)
		return nil
	})
	return list, err
}

// EachName calls do for each name of a directory in their order on disk,
// without "." and "..". An index is passed over: all names are in the blocks
// below it.
func (m *Image) EachName(dir *Inode, do func(Dirent) error) error {
	bs := int64(m.super.BlockSize)
	if dir.Mode&TypeMask != TypeDir || dir.Size <= 0 || dir.Size%bs != 0 || dir.Size/bs > m.super.Blocks {
		return fmt.Errorf("%w: inode %d is not a directory", ErrFormat, dir.Number)
	}
	var next uint64
	err := m.eachRun(dir, func(r fileRun) error {
		if r.logical != next || r.unwritten || r.logical+r.length > uint64(dir.Size/bs) {
			return fmt.Errorf("%w: a directory with holes", ErrFormat)
		}
		next += r.length
		for k := range r.length {
			if err := m.dirBlock(dir, r.logical+k, r.block+k, do); err != nil {
				return fmt.Errorf("block %d: %w", r.block+k, err)
			}
		}
		return nil
	})
	if err == nil && next != uint64(dir.Size/bs) {
		err = fmt.Errorf("%w: inode %d: a directory with holes", ErrFormat, dir.Number)
	}
	if err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	return nil
}

// dirBlock reads one block of a directory.
func (m *Image) dirBlock(dir *Inode, logical, n uint64, do func(Dirent) error) error {
	b, err := m.block(n)
	if err != nil {
		return err
	}
	if start := m.indexStart(dir, logical, b); start > 0 {
		return m.checkIndexBlock(dir, b, start)
	}
	end := len(b)
	if m.super.csum {
		if err := checkDirBlock(b, m.super.inodeSeed(dir.Number, dir.generation)); err != nil {
			return err
		}
		end -= direntTail
	}
	list, err := appendDirents(nil, b[:end], n)
	for i := 0; err == nil && i < len(list); i++ {
		err = do(list[i])
	}
	return err
}

// indexStart returns where the entries of an index block begin, 0 for a block
// of names (directory.rst, "Hash Tree Directories").
func (m *Image) indexStart(dir *Inode, logical uint64, b []byte) int {
	switch {
	case dir.Flags&flagIndex == 0:
		return 0
	case logical == 0:
		return dxRootStart
	case u32(b, 0) == 0 && int(u16(b, 4)) == len(b):
		return dxNodeStart
	}
	return 0
}

func (m *Image) checkIndexBlock(dir *Inode, b []byte, start int) error {
	limit, count := int(u16(b, start)), int(u16(b, start+2))
	if count > limit || start+limit*dxEntry > len(b) {
		return fmt.Errorf("%w: bad index", ErrFormat)
	}
	if !m.super.csum {
		return nil
	}
	tail := start + limit*dxEntry
	if tail+dxTail > len(b) || dxChecksum(m.super.inodeSeed(dir.Number, dir.generation), b, start, count, limit) != u32(b, tail+4) {
		return fmt.Errorf("%w: index: wrong checksum", ErrFormat)
	}
	return nil
}

// checkDirBlock checks the tail of a directory block and its checksum.
func checkDirBlock(b []byte, seed uint32) error {
	tail := b[len(b)-direntTail:]
	if u32(tail, 0) != 0 || u16(tail, 4) != direntTail || tail[6] != 0 || tail[7] != dirKindTail {
		return fmt.Errorf("%w: no checksum", ErrFormat)
	}
	if got := checksum(seed, b[:len(b)-direntTail]); got != u32(tail, 8) {
		return fmt.Errorf("%w: checksum is %#x, not %#x", ErrFormat, got, u32(tail, 8))
	}
	return nil
}

// appendDirents appends the names in block n, whose bytes less the checksum b
// are.
func appendDirents(list []Dirent, b []byte, n uint64) ([]Dirent, error) {
	end := len(b)
	for at := 0; at < end; {
		if end-at < direntHeader {
			return nil, fmt.Errorf("%w: bad directory entry", ErrFormat)
		}
		size, name := int(u16(b, at+4)), int(b[at+6])
		if size < direntHeader+name || size > end-at || size%4 != 0 {
			return nil, fmt.Errorf("%w: bad directory entry", ErrFormat)
		}
		d := Dirent{Name: string(b[at+direntHeader:][:name]), Inode: u32(b, at), kind: b[at+7], block: n, at: at}
		if strings.ContainsAny(d.Name, "/\x00") || d.Inode != 0 && name == 0 {
			return nil, fmt.Errorf("%w: bad name %q", ErrFormat, d.Name)
		}
		if d.Inode != 0 && d.Name != "." && d.Name != ".." {
			list = append(list, d)
		}
		at += size
	}
	return list, nil
}

// Relink gives an entry of dir another name of the same length, another
// inode of the same type, or both, and renews the block's checksum. The link
// counts of the inodes are the caller's concern.
func (m *Image) Relink(dir *Inode, d Dirent, name string, inode uint32) error {
	if len(name) != len(d.Name) {
		return fmt.Errorf("relink %q: %q has another length", d.Name, name)
	}
	b, err := m.block(d.block)
	if err != nil {
		return fmt.Errorf("relink %q: %w", d.Name, err)
	}
	if err := checkDirBlock(b, m.super.inodeSeed(dir.Number, dir.generation)); err != nil {
		return fmt.Errorf("relink %q: %w", d.Name, err)
	}
	binary.LittleEndian.PutUint32(b[d.at:], inode)
	copy(b[d.at+direntHeader:], name)
	end := len(b) - direntTail
	binary.LittleEndian.PutUint32(b[end+8:], checksum(m.super.inodeSeed(dir.Number, dir.generation), b[:end]))
	if _, err := m.f.WriteAt(b, int64(d.block)*int64(m.super.BlockSize)); err != nil {
		return fmt.Errorf("relink %q: %w", d.Name, err)
	}
	return nil
}
