package twosums

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
)

// saved is a hash's state as crypto/sha256 marshals it: a magic number, the
// eight words, the block that is not full, and the count of bytes. A hash of
// another form is left alone.
const (
	magic     = "sha\x03"
	wordsAt   = len(magic)
	partialAt = wordsAt + 8*4
	countAt   = partialAt + sha256.BlockSize
	savedSize = countAt + 8
)

// state is a hash that is between two blocks.
type state struct {
	hash  encoding.BinaryUnmarshaler
	saved [savedSize]byte
}

// load takes the state of h, and says whether it can be gone on with.
func (s *state) load(h hash.Hash) bool {
	from, ok := h.(encoding.BinaryAppender)
	if !ok {
		return false
	}
	if s.hash, ok = h.(encoding.BinaryUnmarshaler); !ok {
		return false
	}
	b, err := from.AppendBinary(s.saved[:0])
	return err == nil && len(b) == savedSize && string(b[:wordsAt]) == magic &&
		binary.BigEndian.Uint64(b[countAt:])%sha256.BlockSize == 0
}

// registers is the words of a state as the instructions have them.
type registers [8]uint32

// order is where in registers each word of a state is, A to H.
var order = [8]int{3, 2, 7, 6, 1, 0, 5, 4}

func (s *state) registers() (r registers) {
	for i, at := range order {
		r[at] = binary.BigEndian.Uint32(s.saved[wordsAt+4*i:])
	}
	return r
}

// store gives the hash the words that it has n blocks later.
func (s *state) store(r *registers, n int) error {
	for i, at := range order {
		binary.BigEndian.PutUint32(s.saved[wordsAt+4*i:], r[at])
	}
	count := binary.BigEndian.Uint64(s.saved[countAt:]) + uint64(n)*sha256.BlockSize
	binary.BigEndian.PutUint64(s.saved[countAt:], count)
	return s.hash.UnmarshalBinary(s.saved[:])
}
