package keeper

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// programPath is the builder's file as its process names it. What is executed
// is the file that the host opened and hashed, wherever its name leads by now.
const programPath = "/proc/self/fd/3"

// becomeFailed is where the process that becomes a builder tells that it
// cannot: it has keeperProgram, too.
const becomeFailed = 4

func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// execute starts the builder and lets go of what is its own. The builder's
// process tells through a pipe why it could not become one; when it has, the
// pipe ends.
func execute(args []string) (int, error) {
	var failed [2]int
	if err := unix.Pipe2(failed[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	defer unix.Close(failed[0])
	own := os.Args[:len(os.Args)-len(args)]
	pid, err := syscall.ForkExec("/proc/self/exe", append(append(append([]string{}, own...), ""), args...), &syscall.ProcAttr{
		Env:   syscall.Environ(),
		Files: []uintptr{0, 1, 2, keeperProgram, uintptr(failed[1])},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL},
	})
	_ = unix.Close(failed[1])
	if err != nil {
		return 0, err
	}
	var errno [4]byte
	if n, _ := unix.Read(failed[0], errno[:]); n > 0 {
		_, _ = unix.Wait4(pid, nil, 0, nil)
		return 0, syscall.Errno(binary.NativeEndian.Uint32(errno[:]))
	}
	_ = unix.Close(keeperProgram)
	if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		for fd := range 3 {
			_ = unix.Dup3(null, fd, 0)
		}
	}
	return pid, nil
}

// become makes this process the builder.
func become(args []string) {
	runtime.LockOSThread() // what confine does holds for the thread
	unix.CloseOnExec(becomeFailed)
	confine()
	err := syscall.Exec(programPath, args, syscall.Environ())
	for range BusyTries {
		if !errors.Is(err, unix.ETXTBSY) {
			break
		}
		time.Sleep(BusyWait)
		err = syscall.Exec(programPath, args, syscall.Environ())
	}
	errno := unix.EIO
	_ = errors.As(err, &errno)
	_, _ = unix.Write(becomeFailed, binary.NativeEndian.AppendUint32(nil, uint32(errno)))
	os.Exit(1)
}

// reap reaps until there is no child left: every descendant becomes one when
// its parents are gone. It calls finish when the builder has ended, and
// returns how that was.
func (k *keeper) reap(finish func()) (end unix.WaitStatus, err error) {
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return end, nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return end, err
		}
		if status, ended := k.reapOne(); ended {
			end = status
			finish()
		}
	}
}

// reapOne reaps a child if one has ended, and tells whether it was the
// builder. That one's number is forgotten in the same moment, so that no
// signal goes to whoever gets it next.
func (k *keeper) reapOne() (status unix.WaitStatus, builder bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err != nil || pid <= 0 || pid != k.pid {
		return 0, false
	}
	k.pid = 0
	return status, true
}
