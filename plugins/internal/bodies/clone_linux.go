package bodies

import (
	"golang.org/x/sys/unix"

	"banger/internal/sparse"
	"banger/sdk/tree"
)

// sharedBody is from how many bytes on a body starts on a block boundary in
// its pack, so that a filesystem may share its blocks.
const sharedBody = 64 << 10

// clone makes the image share the whole blocks of a body with the packs
// (FICLONERANGE, ioctl_ficlonerange(2)), which XFS and Btrfs can. It returns
// false where that does not work; some may be shared by then.
func (w *worker) clone(b *body) bool {
	e := w.entry(b)
	if w.noClone.Load() || e.DataSize() < sharedBody {
		return false
	}
	for _, x := range e.Extents {
		if x.Offset%blockSize != 0 || x.PackOffset%blockSize != 0 {
			return false
		}
	}
	for i := range e.Extents {
		if err := w.cloneExtent(&e.Extents[i], b.segments); err != nil {
			w.noClone.Store(true)
			return false
		}
	}
	return true
}

func (w *worker) cloneExtent(x *tree.Extent, segments []sparse.Segment) error {
	pack, err := w.packs.Pack(x.Layer)
	if err != nil {
		return err
	}
	end := x.Offset + wholeBlocks(x.Length)
	for _, s := range segments {
		from, to := max(s.Offset, x.Offset), min(s.Offset+s.Length, end)
		if from >= to {
			continue
		}
		r := unix.FileCloneRange{
			Src_fd: int64(pack.Fd()), Src_offset: uint64(x.PackOffset + from - x.Offset), Src_length: uint64(to - from),
			Dest_offset: uint64(s.ImageOffset + from - s.Offset),
		}
		if err := unix.IoctlFileCloneRange(int(w.image.Fd()), &r); err != nil {
			return err
		}
	}
	return nil
}
