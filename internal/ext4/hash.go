package ext4

import "math/bits"

// Directory hashes: Documentation/filesystems/ext4/directory.rst, "Hash Tree
// Directories", names half MD4 as the default: MD4 (RFC 1320) with 8 of its
// 16 words and 8 of its 16 steps a round, over the name in pieces of 32 bytes.
const (
	hashHalfMD4 = 1          // dx_root.info.hash_version, s_def_hash_version
	hashEOF     = 0x7fffffff // marks the end of a directory for readdir, in 31 bits
)

// nameHash returns the major hash of a name, whose lowest bit is 0, and the
// minor one. Bytes of the name count as signed ones, which the flag
// flagSignedHash of the superblock says.
func nameHash(name string, seed [4]uint32) (major, minor uint32) {
	state := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476} // RFC 1320, section 3.3
	if seed != ([4]uint32{}) {
		state = seed
	}
	for len(name) > 0 {
		halfMD4(&state, hashWords(name))
		name = name[min(len(name), 32):]
	}
	major = state[1] &^ 1
	if major == hashEOF<<1 {
		major = (hashEOF - 1) << 1
	}
	return major, state[2]
}

// hashWords packs at most 32 bytes of a name, big end first, into 8 words.
// What is left of them is filled with the length of all of the name that
// remains.
func hashWords(name string) (words [8]uint32) {
	pad := uint32(len(name)) * 0x01010101
	for i := range words {
		words[i] = pad
	}
	for i := range min(len(name), 32) {
		if i%4 == 0 {
			words[i/4] = pad
		}
		words[i/4] = words[i/4]<<8 + uint32(int32(int8(name[i])))
	}
	return words
}

// halfMD4 is RFC 1320, section 3.4, with the steps that are left.
func halfMD4(state *[4]uint32, x [8]uint32) {
	const root2, root3 = 0x5a827999, 0x6ed9eba1
	a, b, c, d := state[0], state[1], state[2], state[3]
	round := func(f func(x, y, z uint32) uint32, add uint32, order [8]uint8, shift [4]int) {
		for i, k := range order {
			a = bits.RotateLeft32(a+f(b, c, d)+x[k]+add, shift[i%4])
			a, b, c, d = d, a, b, c
		}
	}
	round(func(x, y, z uint32) uint32 { return x&y | ^x&z }, 0, [8]uint8{0, 1, 2, 3, 4, 5, 6, 7}, [4]int{3, 7, 11, 19})
	round(func(x, y, z uint32) uint32 { return x&y | x&z | y&z }, root2, [8]uint8{1, 3, 5, 7, 0, 2, 4, 6}, [4]int{3, 5, 9, 13})
	round(func(x, y, z uint32) uint32 { return x ^ y ^ z }, root3, [8]uint8{3, 7, 2, 6, 1, 5, 0, 4}, [4]int{3, 9, 11, 15})
	state[0] += a
	state[1] += b
	state[2] += c
	state[3] += d
}
