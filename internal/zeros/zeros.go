// Package zeros tells bytes that can be a hole from others.
package zeros

import "bytes"

// block is compared with; small enough to stay in a core's first cache.
var block [4 << 10]byte

// Only reports whether all of p is zero. Nothing is.
func Only(p []byte) bool {
	for len(p) > len(block) {
		if !bytes.Equal(p[:len(block)], block[:]) {
			return false
		}
		p = p[len(block):]
	}
	return bytes.Equal(p, block[:len(p)])
}
