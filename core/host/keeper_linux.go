package host

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// programPath is the builder's file as its process names it. What is executed
// is the file that the host opened and hashed, wherever its name leads by now.
const programPath = "/proc/self/fd/3"

func adoptOrphans() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// execute starts the builder and lets go of what is its own.
func execute(args []string) (int, error) {
	attr := &syscall.ProcAttr{
		Env:   syscall.Environ(),
		Files: []uintptr{0, 1, 2, keeperProgram},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL},
	}
	pid, err := syscall.ForkExec(programPath, args, attr)
	for range execAgain {
		if !errors.Is(err, unix.ETXTBSY) {
			break
		}
		time.Sleep(execEvery)
		pid, err = syscall.ForkExec(programPath, args, attr)
	}
	if err != nil {
		return 0, err
	}
	_ = unix.Close(keeperProgram)
	if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		for fd := range 3 {
			_ = unix.Dup3(null, fd, 0)
		}
	}
	return pid, nil
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
