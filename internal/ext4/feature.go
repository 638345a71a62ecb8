package ext4

import (
	"cmp"
	"fmt"
	"strings"
)

// The bits of s_feature_compat, s_feature_incompat and s_feature_ro_compat
// (Documentation/filesystems/ext4/super.rst) that this package knows.
const (
	compatHasJournal  = 0x4
	compatExtAttr     = 0x8
	compatResizeInode = 0x10
	compatDirIndex    = 0x20

	incompatFiletype = 0x2
	incompatRecover  = 0x4
	incompatExtents  = 0x40
	incompat64Bit    = 0x80
	incompatMMP      = 0x100
	incompatFlexBG   = 0x200
	incompatEAInode  = 0x400
	incompatCsumSeed = 0x2000
	incompatLargeDir = 0x4000
	incompatCasefold = 0x20000

	roSparseSuper  = 0x1
	roLargeFile    = 0x2
	roHugeFile     = 0x8
	roGDTCsum      = 0x10
	roDirNlink     = 0x20
	roExtraIsize   = 0x40
	roBigalloc     = 0x200
	roMetadataCsum = 0x400
)

// unread are the names that mke2fs(8) has for bits of s_feature_incompat that
// this package does not read.
var unread = map[uint32]string{
	0x1: "compression", 0x8: "journal_dev", 0x10: "meta_bg", 0x1000: "dirdata", 0x8000: "inline_data", 0x10000: "encrypt",
}

// unreadNames are the names of what is not read of a filesystem with these
// features. A bit without a name is its own.
func unreadNames(incompat, readOnly uint32) (names []string) {
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if incompat&bit != 0 {
			names = append(names, cmp.Or(unread[bit], fmt.Sprintf("%#x", bit)))
		}
	}
	if readOnly&roBigalloc != 0 {
		names = append(names, "bigalloc")
	}
	return names
}

// Features are the parts of ext4 that a new image can do without, for guests
// whose kernel or boot loader is too old for them.
type Features uint8

// The features that can be left out. All others of a new image are always
// there: ext_attr, filetype, extent, flex_bg, sparse_super, large_file,
// huge_file, dir_nlink and extra_isize, which Linux knows since 2.6.28.
const (
	MetadataCsum Features = 1 << iota // checksums, Linux 3.6
	Bit64                             // 64-byte group descriptors, Linux 2.6.28
	DirIndex                          // indexed directories
	ResizeInode                       // room for more group descriptors

	AllFeatures = MetadataCsum | Bit64 | DirIndex | ResizeInode
)

// featureNames are the names that mke2fs(8) -O knows.
var featureNames = map[string]Features{
	"metadata_csum": MetadataCsum, "64bit": Bit64, "dir_index": DirIndex, "resize_inode": ResizeInode,
}

// ParseFeatures parses a list such as "^metadata_csum,^64bit", in the form of
// mke2fs -O, of what is to be left out. The error says what is not known.
func ParseFeatures(s string) (Features, error) {
	f := AllFeatures
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, off := strings.CutPrefix(word, "^")
		bit := featureNames[name]
		if bit == 0 {
			return 0, errFeature(name)
		}
		if f |= bit; off {
			f &^= bit
		}
	}
	return f, nil
}

type errFeature string

func (e errFeature) Error() string {
	return "unknown feature " + string(e) + ": metadata_csum, 64bit, dir_index and resize_inode can be left out, as in ^64bit"
}

func (f Features) has(g Features) bool { return f&g != 0 }

// words are the three feature words of a superblock.
func (f Features) words(journal bool) (compat, incompat, readOnly uint32) {
	compat, incompat = compatExtAttr, incompatFiletype|incompatExtents|incompatFlexBG
	readOnly = roSparseSuper | roLargeFile | roHugeFile | roDirNlink | roExtraIsize
	if journal {
		compat |= compatHasJournal
	}
	if f.has(ResizeInode) {
		compat |= compatResizeInode
	}
	if f.has(DirIndex) {
		compat |= compatDirIndex
	}
	if f.has(Bit64) {
		incompat |= incompat64Bit
	}
	if f.has(MetadataCsum) {
		readOnly |= roMetadataCsum
	}
	return compat, incompat, readOnly
}
