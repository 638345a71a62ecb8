package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// ErrFormat is wrapped by every error about bytes that are not the ext4 that
// banger makes.
var ErrFormat = errors.New("not an ext4 image as banger makes it")

// RootInode is the number of the root directory, LostFoundInode that of the
// /lost+found that mke2fs makes.
const (
	RootInode      = 2
	LostFoundInode = 11
)

// Image is an open image.
type Image struct {
	f      *os.File
	super  Super
	tables []uint64 // first block of each group's inode table

	cached uint64 // the block in buf, 0 for none
	buf    [BlockSize]byte
}

// Open opens an image for reading.
func Open(path string) (*Image, error) { return open(path, os.O_RDONLY) }

// OpenRW opens an image for reading and for [Image.Relink].
func OpenRW(path string) (*Image, error) { return open(path, os.O_RDWR) }

func open(path string, flag int) (*Image, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, fmt.Errorf("open image: %w", err)
	}
	m := &Image{f: f}
	if err := m.load(); err != nil {
		_ = f.Close() // the first error says more
		return nil, fmt.Errorf("read image: %w", err)
	}
	return m, nil
}

// Close closes the image.
func (m *Image) Close() error { return m.f.Close() }

// Super returns the superblock as it was when the image was opened.
func (m *Image) Super() Super { return m.super }

func (m *Image) load() error {
	info, err := m.f.Stat()
	if err != nil {
		return err
	}
	var b [superSize]byte
	if _, err := m.f.ReadAt(b[:], superOffset); err != nil {
		return fmt.Errorf("superblock: %w", err)
	}
	if m.super, err = parseSuper(b[:]); err != nil {
		return err
	}
	if m.super.Blocks > info.Size()/BlockSize {
		return fmt.Errorf("%w: %d blocks in a file of %d bytes", ErrFormat, m.super.Blocks, info.Size())
	}
	return m.loadGroups()
}

// groupSize is the size of a group descriptor with the 64bit feature.
const groupSize = 64

// loadGroups reads the group descriptors, which begin in block 1.
func (m *Image) loadGroups() error {
	groups := (m.super.Blocks + m.super.perGroup - 1) / m.super.perGroup
	if groups*m.super.inodesPerGroup < m.super.Inodes {
		return fmt.Errorf("%w: %d inodes in %d groups", ErrFormat, m.super.Inodes, groups)
	}
	m.tables = make([]uint64, groups)
	for g := range m.tables {
		at := int64(g) * groupSize
		b, err := m.block(uint64(1 + at/BlockSize))
		if err != nil {
			return fmt.Errorf("group descriptor %d: %w", g, err)
		}
		d := b[at%BlockSize:][:groupSize]
		m.tables[g] = uint64(u32(d, 0x28))<<32 | uint64(u32(d, 0x8))
	}
	return nil
}

// block returns block n. The bytes are valid until the next call.
func (m *Image) block(n uint64) ([]byte, error) {
	if n == 0 || n >= uint64(m.super.Blocks) {
		return nil, fmt.Errorf("%w: block %d of %d", ErrFormat, n, m.super.Blocks)
	}
	if m.cached != n {
		m.cached = 0
		if _, err := m.f.ReadAt(m.buf[:], int64(n)*BlockSize); err != nil {
			return nil, fmt.Errorf("read block %d: %w", n, err)
		}
		m.cached = n
	}
	return m.buf[:], nil
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
