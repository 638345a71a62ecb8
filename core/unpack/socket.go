package unpack

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketBuffer is how many bytes may be on their way to or from a program, as
// far as the system lets an ordinary user have them. The usual room does, too.
const socketBuffer = 1 << 20

// socketPair returns two connected sockets, one for this process and one for a
// program, which need not know that it is no pipe. A pipe takes more time: the
// kernel allocates its memory page by page.
func socketPair() (ours, its *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	}
	_ = unix.SetNonblock(fds[0], true) // so that closing it ends a read or write
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}
