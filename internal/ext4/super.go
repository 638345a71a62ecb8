package ext4

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"banger/internal/hint"
)

const (
	superOffset = 1024
	superSize   = 1024
	superMagic  = 0xef53
	superSum    = 0x3fc // offset of s_checksum
)

// ErrJournal is wrapped by the error about an image whose journal holds
// changes that are not in their places: one that was not unmounted.
var ErrJournal = errors.New("the journal must be replayed")

// Super is what a superblock says.
type Super struct {
	Blocks, FreeBlocks int64
	Inodes, FreeInodes int64
	BlockSize          int // in bytes
	Label              string
	UUID               [16]byte

	firstData                int64 // block, of the first group
	perGroup, inodesPerGroup int64
	inodeSize, descSize      int64
	csum                     bool   // metadata_csum
	seed                     uint32 // of all checksums
}

// parseSuper reads a superblock (super.rst).
func parseSuper(b []byte) (Super, error) {
	s := Super{
		Blocks:         int64(u32(b, 0x4)),
		FreeBlocks:     int64(u32(b, 0xc)),
		Inodes:         int64(u32(b, 0x0)),
		FreeInodes:     int64(u32(b, 0x10)),
		Label:          cstring(b[0x78:0x88]),
		UUID:           [16]byte(b[0x68:0x78]),
		firstData:      int64(u32(b, 0x14)),
		perGroup:       int64(u32(b, 0x20)),
		inodesPerGroup: int64(u32(b, 0x28)),
		inodeSize:      int64(u16(b, 0x58)),
		descSize:       32,
		csum:           u32(b, 0x64)&roMetadataCsum != 0,
	}
	if u16(b, 0x38) != superMagic {
		return s, fmt.Errorf("%w: no ext4 magic", ErrFormat)
	}
	if err := checkFeatures(u32(b, 0x60), u32(b, 0x64)); err != nil {
		return s, err
	}
	if u32(b, 0x60)&incompat64Bit != 0 {
		s.Blocks |= int64(u32(b, 0x150)) << 32
		s.FreeBlocks |= int64(u32(b, 0x158)) << 32
		s.descSize = int64(u16(b, 0xfe))
	}
	s.seed = checksum(^uint32(0), s.UUID[:])
	if u32(b, 0x60)&incompatCsumSeed != 0 {
		s.seed = u32(b, 0x270)
	}
	if s.csum && checksum(^uint32(0), b[:superSum]) != u32(b, superSum) {
		return s, fmt.Errorf("%w: superblock: wrong checksum", ErrFormat)
	}
	return s, s.checkSizes(u32(b, 0x18))
}

// checkFeatures refuses what would have the rest read wrongly.
func checkFeatures(incompat, readOnly uint32) error {
	if incompat&incompatRecover != 0 {
		return hint.With(fmt.Errorf("%w: %w", ErrUnsupported, ErrJournal), "unmount it, or run e2fsck -fy on a copy")
	}
	const known = incompatFiletype | incompatExtents | incompat64Bit | incompatMMP | incompatFlexBG | incompatEAInode |
		incompatCsumSeed | incompatLargeDir | incompatCasefold
	switch unread := unreadNames(incompat&^known, readOnly); {
	case len(unread) > 0:
		return fmt.Errorf("%w: it has the features %s", ErrUnsupported, strings.Join(unread, ", "))
	case incompat&incompatExtents == 0:
		return fmt.Errorf("%w: it has not the feature extent, as ext2 and ext3", ErrUnsupported)
	case incompat&incompatFiletype == 0:
		return fmt.Errorf("%w: it has not the feature filetype", ErrUnsupported)
	}
	return nil
}

// checkSizes refuses what no mke2fs makes.
func (s *Super) checkSizes(logBlock uint32) error {
	if logBlock > 2 { // mke2fs makes them up to 64 KiB
		return fmt.Errorf("%w: blocks of 2^%d KiB", ErrUnsupported, logBlock)
	}
	s.BlockSize = 1024 << logBlock
	bits := int64(8 * s.BlockSize)
	switch {
	case s.descSize != 32 && s.descSize != 64, s.inodeSize < 128 || s.inodeSize > int64(s.BlockSize) || s.inodeSize&(s.inodeSize-1) != 0:
		return fmt.Errorf("%w: inodes of %d bytes, group descriptors of %d", ErrFormat, s.inodeSize, s.descSize)
	case s.Blocks <= s.firstData || s.Blocks > MaxBlocks || s.perGroup < 256 || s.perGroup > bits || s.firstData > 1:
		return fmt.Errorf("%w: %d blocks, groups of %d", ErrFormat, s.Blocks, s.perGroup)
	case s.inodesPerGroup <= 0 || s.inodesPerGroup > bits || s.groups()*s.inodesPerGroup < s.Inodes:
		return fmt.Errorf("%w: %d inodes, %d in each of %d groups", ErrFormat, s.Inodes, s.inodesPerGroup, s.groups())
	}
	return nil
}

func (s *Super) groups() int64 { return ceilDiv(s.Blocks-s.firstData, s.perGroup) }

// inodeSeed is the seed of the checksums of what belongs to an inode.
func (s *Super) inodeSeed(number, generation uint32) uint32 {
	f := format{seed: s.seed}
	return f.inodeSeed(number, generation)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the kernel's crc32c: unlike hash/crc32's it inverts neither
// what it is given nor what it returns.
func checksum(seed uint32, b []byte) uint32 { return ^crc32.Update(^seed, castagnoli, b) }

func cstring(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
