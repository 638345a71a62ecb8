package reflink

import (
	"os"

	"golang.org/x/sys/unix"
)

// Range makes n bytes of the file behind the descriptor dst, from to on, share
// the blocks of src from its byte from on: FICLONERANGE, ioctl_ficlonerange(2).
// It fails where the filesystem cannot, and wherever the three are not
// multiples of its blocks. No bytes are no work.
func Range(dst int, to int64, src int, from, n int64) error {
	if n == 0 { // which would be all that follows
		return nil
	}
	r := unix.FileCloneRange{Src_fd: int64(src), Src_offset: uint64(from), Src_length: uint64(n), Dest_offset: uint64(to)}
	return os.NewSyscallError("ficlonerange", unix.IoctlFileCloneRange(dst, &r))
}
