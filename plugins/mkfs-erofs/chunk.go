package mkfserofs

import (
	"iter"

	"banger/sdk/tree"
)

// A sparse file is cut into chunks of equal size. After the inode stands, for
// each, the number of its first block, or noBlock if all of it is a hole.
const (
	chunkEntry = 4
	// maxChunkBits gives chunks of 1 GiB; Linux of 32 bits takes none of 4.
	maxChunkBits = 30 - blockBits
)

// chunksOf returns the size of the chunks, as the power of two of blocks, with
// which e takes the least room, and the blocks of its data. It is not ok if
// chunks save less than a block: old kernels do not know them.
func chunksOf(e *tree.Entry) (bits uint8, blocks int64, ok bool) {
	least := e.Size - blockSize + 1
	if e.DataSize() == e.Size {
		return 0, 0, false
	}
	for b := uint8(0); b <= maxChunkBits; b++ {
		n := int64(0)
		for first, last := range runs(e, b) {
			n += runBlocks(e.Size, b, first, last)
		}
		if room := n<<blockBits + chunkCount(e.Size, b)*chunkEntry; room < least {
			bits, blocks, least, ok = b, n, room, true
		}
	}
	return bits, blocks, ok
}

// blocksOf is the number of blocks that so many bytes take.
func blocksOf(size int64) int64 { return (size + blockSize - 1) >> blockBits }

// chunkCount is the number of chunks of a file.
func chunkCount(size int64, bits uint8) int64 {
	return (blocksOf(size) + 1<<bits - 1) >> bits
}

// runs are the runs of chunks with data, as the first and the last of each.
func runs(e *tree.Entry, bits uint8) iter.Seq2[int64, int64] {
	return func(yield func(first, last int64) bool) {
		first, last := int64(0), int64(-1)
		for _, x := range e.Extents {
			from, to := x.Offset>>(bits+blockBits), (x.Offset+x.Length-1)>>(bits+blockBits)
			if from > last+1 || last < 0 {
				if last >= 0 && !yield(first, last) {
					return
				}
				first = from
			}
			last = to
		}
		if last >= 0 {
			yield(first, last)
		}
	}
}

// runBlocks is the number of blocks of a run of chunks in a file, whose last
// chunk ends with it.
func runBlocks(size int64, bits uint8, first, last int64) int64 {
	return min((last+1)<<bits, blocksOf(size)) - first<<bits
}

// appendChunks appends the numbers of a file's chunks, whose data stands
// together from a block on.
func appendChunks(b []byte, e *tree.Entry, bits uint8, block uint32) []byte {
	at := int64(0)
	holes := func(to int64) {
		for ; at < to; at++ {
			b = le.AppendUint32(b, noBlock)
		}
	}
	for first, last := range runs(e, bits) {
		holes(first)
		for ; at <= last; at++ {
			b = le.AppendUint32(b, block)
			block += 1 << bits
		}
	}
	holes(chunkCount(e.Size, bits))
	return b
}
