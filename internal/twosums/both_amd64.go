package twosums

import (
	"crypto/sha256"
	"errors"
	"hash"
)

// fast is whether there are the SHA extensions, and SSSE3 for PSHUFB and
// PALIGNR: Intel 64 Software Developer's Manual, volume 2, CPUID.
var fast = func() bool {
	const ssse3, sha = 1 << 9, 1 << 29
	if highest, _, _ := cpuid(0, 0); highest < 7 {
		return false
	}
	_, _, features := cpuid(1, 0)
	_, extended, _ := cpuid(7, 0)
	return features&ssse3 != 0 && extended&sha != 0
}()

// both has two hashes take the whole blocks of p at once, if that is fast and
// they can, and returns how many bytes those are.
func both(a, b hash.Hash, p []byte) int {
	var sa, sb state
	n := len(p) / sha256.BlockSize
	if !fast || n == 0 || !sa.load(a) || !sb.load(b) {
		return 0
	}
	ra, rb := sa.registers(), sb.registers()
	blocks(&ra, &rb, &constants, &p[0], n)
	if err := errors.Join(sa.store(&ra, n), sb.store(&rb, n)); err != nil {
		panic(err) // it is in the form that the hash itself has given
	}
	return n * sha256.BlockSize
}

// blocks has two states take the n blocks at p.
//
//go:noescape
func blocks(a, b *registers, k *[64]uint32, p *byte, n int)

func cpuid(leaf, sub uint32) (eax, ebx, ecx uint32)
