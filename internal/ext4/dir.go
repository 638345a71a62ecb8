package ext4

import (
	"encoding/binary"
	"fmt"
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

	block uint64 // where it stands
	at    int
}

// ReadDir returns the names of a directory in their order on disk, without
// "." and "..".
func (m *Image) ReadDir(dir *Inode) ([]Dirent, error) {
	if dir.Mode&TypeMask != TypeDir || dir.Size < 0 || dir.Size%BlockSize != 0 {
		return nil, fmt.Errorf("%w: inode %d is not a directory", ErrFormat, dir.Number)
	}
	blocks, err := m.blocks(dir, dir.Size/BlockSize)
	if err != nil {
		return nil, fmt.Errorf("read directory: %w", err)
	}
	var list []Dirent
	for _, n := range blocks {
		b, err := m.block(n)
		if err != nil {
			return nil, fmt.Errorf("read directory, inode %d: %w", dir.Number, err)
		}
		if err := checkDirBlock(b, m.seedOf(dir)); err != nil {
			return nil, fmt.Errorf("read directory, inode %d, block %d: %w", dir.Number, n, err)
		}
		if list, err = appendDirents(list, b, n); err != nil {
			return nil, fmt.Errorf("read directory, inode %d, block %d: %w", dir.Number, n, err)
		}
	}
	return list, nil
}

// checkDirBlock checks the tail of a directory block and its checksum.
func checkDirBlock(b []byte, seed uint32) error {
	tail := b[len(b)-direntTail:]
	if u32(tail, 0) != 0 || u16(tail, 4) != direntTail || tail[6] != 0 || tail[7] != 0xde {
		return fmt.Errorf("%w: no checksum", ErrFormat)
	}
	if got := checksum(seed, b[:len(b)-direntTail]); got != u32(tail, 8) {
		return fmt.Errorf("%w: checksum is %#x, not %#x", ErrFormat, got, u32(tail, 8))
	}
	return nil
}

// appendDirents appends the names in block n, whose bytes b are.
func appendDirents(list []Dirent, b []byte, n uint64) ([]Dirent, error) {
	end := len(b) - direntTail
	for at := 0; at < end; {
		if end-at < direntHeader {
			return nil, fmt.Errorf("%w: bad directory entry", ErrFormat)
		}
		size, name := int(u16(b, at+4)), int(b[at+6])
		if size < direntHeader+name || size > end-at || size%4 != 0 {
			return nil, fmt.Errorf("%w: bad directory entry", ErrFormat)
		}
		d := Dirent{Name: string(b[at+direntHeader:][:name]), Inode: u32(b, at), block: n, at: at}
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
	if err := checkDirBlock(b, m.seedOf(dir)); err != nil {
		return fmt.Errorf("relink %q: %w", d.Name, err)
	}
	binary.LittleEndian.PutUint32(b[d.at:], inode)
	copy(b[d.at+direntHeader:], name)
	end := len(b) - direntTail
	binary.LittleEndian.PutUint32(b[end+8:], checksum(m.seedOf(dir), b[:end]))
	if _, err := m.f.WriteAt(b, int64(d.block)*BlockSize); err != nil {
		return fmt.Errorf("relink %q: %w", d.Name, err)
	}
	return nil
}
