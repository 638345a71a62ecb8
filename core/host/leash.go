package host

import (
	"errors"

	"golang.org/x/sys/unix"
)

// leash has the kernel kill a process group when this process dies, however
// it does: a pipe whose ends only this process holds loses its writer then,
// and its reader has asked for SIGKILL to be sent to the group in place of
// SIGIO (fcntl(2), F_SETOWN, F_SETSIG and O_ASYNC). The builder has no part
// in it. The reader must outlive the writer for that, and the order in which
// the kernel closes a dead process's files is its own affair, so there are
// two pipes: one with the reader at the lower number, one with the writer.
type leash struct{ readers, writers [2]int }

// newLeash ties the group to this process.
func newLeash(group int) (*leash, error) {
	l := &leash{readers: [2]int{-1, -1}, writers: [2]int{-1, -1}}
	for i := range 2 {
		if err := l.pipe(i, group); err != nil {
			l.release()
			return nil, err
		}
	}
	return l, nil
}

func (l *leash) pipe(i, group int) error {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	low, high := fds[0], fds[1]
	if i == 1 {
		low, high = high, low
	}
	moved, err := unix.FcntlInt(uintptr(high), unix.F_DUPFD_CLOEXEC, low+1)
	if err == nil {
		err = unix.Close(high)
		high = moved
	}
	l.readers[i], l.writers[i] = low, high
	if i == 1 {
		l.readers[i], l.writers[i] = high, low
	}
	return errors.Join(err, arm(l.readers[i], group))
}

func arm(reader, group int) error {
	for _, set := range [][2]int{
		{unix.F_SETOWN, -group},
		{unix.F_SETSIG, int(unix.SIGKILL)},
		{unix.F_SETFL, unix.O_ASYNC},
	} {
		if _, err := unix.FcntlInt(uintptr(reader), set[0], set[1]); err != nil {
			return err
		}
	}
	return nil
}

// release lets go of the group: the readers close first, so nobody is killed.
func (l *leash) release() {
	for _, fd := range append(l.readers[:], l.writers[:]...) {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}
