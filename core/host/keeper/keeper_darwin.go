package keeper

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans does nothing: orphans go to launchd.
func adoptOrphans() error { return nil }

// execute starts the builder, which leads a process group, and lets go of what
// is its own. There is no executing an open file here: the builder's name must
// still lead to the file that the host opened and hashed, which leaves the
// moment between this look and the exec.
//
// If the keeper is killed, nothing kills the builder; it notices the end of
// its host's connection, as every builder with the SDK does.
func execute(args []string) (int, error) {
	if err := isStill(args[0]); err != nil {
		return 0, err
	}
	pid, err := syscall.ForkExec(args[0], args, &syscall.ProcAttr{
		Env:   syscall.Environ(),
		Files: []uintptr{0, 1, 2, keeperProgram},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, err
	}
	_ = unix.Close(keeperProgram)
	if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		for fd := range 3 {
			_ = unix.Dup2(null, fd)
		}
	}
	return pid, nil
}

// become does nothing: execute starts the builder itself.
func become([]string) {}

// isStill tells whether a name leads to the file that the host has opened.
func isStill(name string) error {
	var opened, named unix.Stat_t
	if err := unix.Fstat(keeperProgram, &opened); err != nil {
		return err
	}
	if err := unix.Stat(name, &named); err != nil {
		return err
	}
	if opened.Dev != named.Dev || opened.Ino != named.Ino || opened.Size != named.Size || opened.Mtim != named.Mtim || opened.Ctim != named.Ctim {
		return unix.ESTALE
	}
	return nil
}

// reap waits for the builder to end, calls finish, and returns how the builder
// ended once its process group is empty.
func (k *keeper) reap(finish func()) (end unix.WaitStatus, err error) {
	pid := k.pid
	if err := waitExit(pid); err != nil {
		return 0, err
	}
	if end, err = k.reapBuilder(); err != nil {
		return 0, err
	}
	finish()
	for !errors.Is(unix.Kill(-pid, 0), unix.ESRCH) {
		time.Sleep(time.Millisecond)
	}
	return end, nil
}

// waitExit waits for a child to end and does not reap it: kqueue(2),
// NOTE_EXIT.
func waitExit(pid int) error {
	queue, err := unix.Kqueue()
	if err != nil {
		return err
	}
	defer unix.Close(queue)
	var exit unix.Kevent_t
	unix.SetKevent(&exit, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	exit.Fflags = unix.NOTE_EXIT
	events := make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(queue, []unix.Kevent_t{exit}, events, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ESRCH): // it has ended already
			return nil
		case err != nil:
			return err
		case n == 1 && events[0].Flags&unix.EV_ERROR != 0 && unix.Errno(events[0].Data) != unix.ESRCH:
			return unix.Errno(events[0].Data)
		case n == 1:
			return nil
		}
	}
}

// reapBuilder reaps the builder, which has ended. Its number is forgotten in
// the same moment, so that no signal goes to whoever gets it next.
func (k *keeper) reapBuilder() (status unix.WaitStatus, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		_, err = unix.Wait4(k.pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			k.pid = 0
			return status, err
		}
	}
}
