package fstree

import (
	"os"
	"path/filepath"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// procPath is a path to name in d, for calls that have no *at form: fcntl(2),
// F_GETPATH.
func procPath(d *os.File, name string) string {
	path := new([unix.PathMax]byte)
	var pin runtime.Pinner
	pin.Pin(path)
	defer pin.Unpin()
	_, _ = unix.FcntlInt(d.Fd(), unix.F_GETPATH, int(uintptr(unsafe.Pointer(path)))) // name alone is not found
	return filepath.Join(unix.ByteSliceToString(path[:]), name)
}
