// Package reflink makes files share blocks, and says which contents are laid
// out so that they can.
package reflink

const (
	// Block is what the offsets of shared contents are multiples of, in bytes:
	// the block size of ext4 images, and of XFS and Btrfs as they are made on
	// most machines (mkfs.xfs(8), mkfs.btrfs(8)).
	Block = 4 << 10

	// Large is from how many bytes on it pays to share a content. Packs begin
	// those on a boundary of Block, as sdk/proto/tree.proto promises.
	Large = 64 << 10
)

// Aligned reports whether all of these offsets are at boundaries of Block.
func Aligned(offsets ...int64) bool {
	for _, at := range offsets {
		if at%Block != 0 {
			return false
		}
	}
	return true
}

// Whole rounds n bytes down to whole blocks.
func Whole(n int64) int64 { return n &^ (Block - 1) }
