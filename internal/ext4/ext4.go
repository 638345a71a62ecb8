// Package ext4 writes and reads ext4 filesystems in image files.
//
// A [Draft] and a [Plan] of it say for a tree what an image will hold and
// where, before a byte of it is written; [Plan.Finish] writes all but the
// contents of files, which go where [Plan.Bodies] says, in any order. An
// [Image] reads what this package, mke2fs or the kernel has written. Time,
// Device and FitXattrs say what ext4 can hold at all.
//
// What is written has 4 KiB blocks, 256-byte inodes, extents, and no ea_inode
// feature. The layout of everything on disk is that of the kernel's
// documentation, Documentation/filesystems/ext4, whose files the comments
// name.
package ext4

import "banger/sdk/tree"

// BlockSize of every image that banger makes, in bytes.
const BlockSize = 4096

// InodeSize of every image that banger makes, in bytes.
const InodeSize = 256

// MaxLinks is the most names that one inode can have (EXT4_LINK_MAX).
const MaxLinks = 65000

// FastSymlink is the length from which on a symlink's target takes a block of
// its own: the 60 bytes of i_block less a NUL.
const FastSymlink = 60

// The parts of a mode that tell an inode's type (inode(7)).
const (
	TypeMask    = 0o170000
	TypeFifo    = 0o010000
	TypeChar    = 0o020000
	TypeDir     = 0o040000
	TypeBlock   = 0o060000
	TypeRegular = 0o100000
	TypeSymlink = 0o120000
)

// TypeBits returns the type part of the mode of an inode of type t, 0 for a
// hardlink.
func TypeBits(t tree.Type) uint32 {
	switch t {
	case tree.Regular:
		return TypeRegular
	case tree.Directory:
		return TypeDir
	case tree.Symlink:
		return TypeSymlink
	case tree.CharDevice:
		return TypeChar
	case tree.BlockDevice:
		return TypeBlock
	case tree.Fifo:
		return TypeFifo
	}
	return 0
}

// TypeOf returns the type that a mode tells, 0 for one that no tree has.
func TypeOf(mode uint32) tree.Type {
	for t := tree.Regular; t <= tree.Fifo; t++ {
		if bits := TypeBits(t); bits != 0 && bits == mode&TypeMask {
			return t
		}
	}
	return 0
}

// IsDevice reports whether t is one of the two types of device.
func IsDevice(t tree.Type) bool { return t == tree.CharDevice || t == tree.BlockDevice }

// Device encodes a device number as i_block[0] and i_block[1] of its inode:
// 8:8 bits in the first, or 12:20 bits in the second. It is not ok for
// numbers that Linux does not have.
func Device(major, minor uint32) (block0, block1 uint32, ok bool) {
	switch {
	case major < 1<<8 && minor < 1<<8:
		return major<<8 | minor, 0, true
	case major < 1<<12 && minor < 1<<20:
		return 0, minor&0xff | major<<8 | minor&^0xff<<12, true
	}
	return 0, 0, false
}

// DeviceOf decodes what Device encodes.
func DeviceOf(block0, block1 uint32) (major, minor uint32) {
	if block0 != 0 {
		return block0 >> 8 & 0xff, block0 & 0xff
	}
	return block1 >> 8 & 0xfff, block1&0xff | block1>>12&0xfff00
}
