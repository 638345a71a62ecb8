package ext4

import "banger/sdk/tree"

// The range of ext4 times in seconds: 34 bits that begin at -2^31, 1901 to
// 2446. From anachronism on, for 2^31 seconds (2310 to 2378), the encoding is
// the same as that of a bug in old kernels for times before 1970; e2fsck
// takes it for that and moves such times there, so they cannot be held.
const (
	minSec           = -1 << 31
	maxSec           = 3<<32 + 1<<31 - 1
	anachronism      = 3<<32 - 1<<31
	afterAnachronism = 3 << 32
)

// Time returns the time nearest to t, and not after it where there is a
// choice, that ext4 can hold. Whether that is t, ok says.
func Time(t tree.Time) (nearest tree.Time, ok bool) {
	switch {
	case t.Sec < minSec:
		return tree.Time{Sec: minSec}, false
	case t.Sec > maxSec:
		return tree.Time{Sec: maxSec, Nsec: 999_999_999}, false
	case t.Sec >= anachronism && t.Sec < afterAnachronism:
		return tree.Time{Sec: anachronism - 1, Nsec: 999_999_999}, false
	}
	return t, true
}

// EncodeTime encodes a time that ext4 can hold as the two fields of an inode,
// such as i_mtime and i_mtime_extra.
func EncodeTime(t tree.Time) (lo, extra uint32) {
	epoch := uint32((t.Sec-int64(int32(t.Sec)))>>32) & 3
	return uint32(t.Sec), t.Nsec<<2 | epoch
}

// DecodeTime decodes what EncodeTime encodes.
func DecodeTime(lo, extra uint32) tree.Time {
	return tree.Time{Sec: int64(int32(lo)) + int64(extra&3)<<32, Nsec: extra >> 2}
}
