package unpack

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize is the room in the pipes from and to the program, in bytes: what an
// ordinary user may have (/proc/sys/fs/pipe-max-size).
const pipeSize = 1 << 20

// widen has a pipe hold pipeSize bytes, where that may be had. The usual size
// does, too.
func widen(f *os.File) { _, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, pipeSize) }
