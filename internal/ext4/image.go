package ext4

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrFormat is wrapped by every error about bytes that are not an ext4
// filesystem that this package reads.
var ErrFormat = errors.New("not an ext4 filesystem that can be read")

// ErrUnsupported is wrapped by those of these errors that say nothing of whether
// the filesystem is whole: it may be, and is of a kind that is not read.
var ErrUnsupported = fmt.Errorf("%w", ErrFormat)

// RootInode is the number of the root directory, LostFoundInode that of the
// /lost+found that mke2fs makes.
const (
	RootInode      = 2
	LostFoundInode = 11
)

// Image is an open image. It reads filesystems with blocks of 1 to 4 KiB,
// with or without checksums, whose files and directories are mapped by
// extents; no bigalloc, encrypt, inline_data or meta_bg, and no xattr whose
// value has an inode of its own. It trusts nothing: what it reads is bounded
// by the size of the image, checksums are checked where there are any, and
// nonsense is an error that wraps [ErrFormat]. It does not look at bitmaps;
// e2fsck does.
//
// An Image is not safe for concurrent use.
type Image struct {
	f     *os.File
	super Super

	groups, inodes, other cachedBlock
}

// cachedBlock is a block as it was read last.
type cachedBlock struct {
	n   uint64 // 0 for none
	buf []byte
}

// Open opens an image for reading.
func Open(path string) (*Image, error) { return open(path, os.O_RDONLY) }

// OpenRW opens an image for reading and for [Image.Relink].
func OpenRW(path string) (*Image, error) { return open(path, os.O_RDWR) }

func open(path string, flag int) (*Image, error) {
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK, 0) // a fifo is refused, and not waited for
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
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: not a regular file", ErrUnsupported)
	}
	var b [superSize]byte
	switch _, err := m.f.ReadAt(b[:], superOffset); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %d bytes are too few for a superblock", ErrFormat, info.Size())
	case err != nil:
		return fmt.Errorf("superblock: %w", err)
	}
	if m.super, err = parseSuper(b[:]); err != nil {
		return err
	}
	if want := m.super.Blocks * int64(m.super.BlockSize); want > info.Size() {
		return fmt.Errorf("%w: it is cut short: a filesystem of %d bytes in a file of %d", ErrFormat, want, info.Size())
	}
	return nil
}

// block returns block n. The bytes are valid until the next call.
func (m *Image) block(n uint64) ([]byte, error) { return m.cached(&m.other, n) }

func (m *Image) cached(c *cachedBlock, n uint64) ([]byte, error) {
	if n == 0 || n >= uint64(m.super.Blocks) {
		return nil, fmt.Errorf("%w: block %d of %d", ErrFormat, n, m.super.Blocks)
	}
	if c.n != n {
		c.n = 0
		if c.buf == nil {
			c.buf = make([]byte, m.super.BlockSize)
		}
		if _, err := m.f.ReadAt(c.buf, int64(n)*int64(m.super.BlockSize)); err != nil {
			return nil, fmt.Errorf("read block %d: %w", n, err)
		}
		c.n = n
	}
	return c.buf, nil
}

// table returns the first block of the inode table of group g
// (group_descr.rst).
func (m *Image) table(g int64) (uint64, error) {
	at := g * m.super.descSize
	bs := int64(m.super.BlockSize)
	b, err := m.cached(&m.groups, uint64(m.super.firstData+1+at/bs))
	if err != nil {
		return 0, fmt.Errorf("read group descriptor %d: %w", g, err)
	}
	d := b[at%bs:][:m.super.descSize]
	if m.super.csum {
		sum := checksum(m.super.seed, le.AppendUint32(nil, uint32(g)))
		sum = checksum(checksum(checksum(sum, d[:0x1e]), []byte{0, 0}), d[0x20:])
		if uint16(sum) != u16(d, 0x1e) {
			return 0, fmt.Errorf("%w: group descriptor %d: wrong checksum", ErrFormat, g)
		}
	}
	n := uint64(u32(d, 0x8))
	if m.super.descSize == 64 {
		n |= uint64(u32(d, 0x28)) << 32
	}
	return n, nil
}

func u16(b []byte, at int) uint16 { return le.Uint16(b[at:]) }
func u32(b []byte, at int) uint32 { return le.Uint32(b[at:]) }
