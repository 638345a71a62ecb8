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
	name = name[:min(len(name), 32)]
	i := 0
	for ; len(name) >= 4; i, name = i+1, name[4:] {
		for k := range 4 {
			words[i] = words[i]<<8 + uint32(int32(int8(name[k])))
		}
	}
	for ; i < len(words); i, name = i+1, "" {
		words[i] = pad
		for k := range len(name) {
			words[i] = words[i]<<8 + uint32(int32(int8(name[k])))
		}
	}
	return words
}

// halfMD4 is RFC 1320, section 3.4, with the steps that are left.
func halfMD4(state *[4]uint32, x [8]uint32) {
	const root2, root3 = 0x5a827999, 0x6ed9eba1
	f := func(x, y, z uint32) uint32 { return z ^ x&(y^z) }
	g := func(x, y, z uint32) uint32 { return x&y | z&(x|y) }
	h := func(x, y, z uint32) uint32 { return x ^ y ^ z }
	a, b, c, d := state[0], state[1], state[2], state[3]
	for i := 0; i < 8; i += 4 {
		a = bits.RotateLeft32(a+f(b, c, d)+x[i], 3)
		d = bits.RotateLeft32(d+f(a, b, c)+x[i+1], 7)
		c = bits.RotateLeft32(c+f(d, a, b)+x[i+2], 11)
		b = bits.RotateLeft32(b+f(c, d, a)+x[i+3], 19)
	}
	for i := 1; i >= 0; i-- {
		a = bits.RotateLeft32(a+g(b, c, d)+x[i]+root2, 3)
		d = bits.RotateLeft32(d+g(a, b, c)+x[i+2]+root2, 5)
		c = bits.RotateLeft32(c+g(d, a, b)+x[i+4]+root2, 9)
		b = bits.RotateLeft32(b+g(c, d, a)+x[i+6]+root2, 13)
	}
	for i := 3; i > 0; i -= 2 {
		a = bits.RotateLeft32(a+h(b, c, d)+x[i]+root3, 3)
		d = bits.RotateLeft32(d+h(a, b, c)+x[i+4]+root3, 9)
		c = bits.RotateLeft32(c+h(d, a, b)+x[i-1]+root3, 11)
		b = bits.RotateLeft32(b+h(c, d, a)+x[i+3]+root3, 15)
	}
	state[0] += a
	state[1] += b
	state[2] += c
	state[3] += d
}
