package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The files that a keeper is started with, next to the standard ones, which
// become the builder's.
const (
	keeperProgram = 3 // the builder's file
	keeperLeash   = 4 // a pipe that nobody writes to: its end is the end of all
	keeperStatus  = 5 // takes the lines of keeper.say
)

// programPath is the builder's file as its process names it. What is executed
// is the file that the host opened and hashed, wherever its name leads by now.
const programPath = "/proc/self/fd/3"

// execAgain and execEvery bound how long a file that is still open for
// writing is waited for. One that was written a moment ago can be busy for as
// long as a fork of another thread has not come to its exec.
const (
	execAgain = 20
	execEvery = 10 * time.Millisecond
)

// Keep is the main function of a keeper: the process between a host and a
// builder, which lives as long as anything of the builder and no longer. args
// are the builder's, its name first. Keep does not return.
//
// A keeper adopts every orphan among the builder's descendants (prctl(2),
// PR_SET_CHILD_SUBREAPER), whatever group or session it moved to, so all of
// them can be found and killed: when the builder has ended, or when the leash
// has, because the host let go of it or died. It passes SIGTERM on to the
// builder's process group.
func Keep(args []string) {
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGHUP, unix.SIGQUIT) // not ignored: that would be inherited
	k := &keeper{}
	status, err := k.keep(args)
	switch errno := syscall.Errno(0); {
	case err == nil:
		k.say("ended", int(status))
	case errors.As(err, &errno):
		k.say("failed", int(errno))
	default:
		k.say("failed", int(unix.EIO))
	}
	os.Exit(0)
}

type keeper struct {
	mu  sync.Mutex
	pid int // of the builder, 0 once it is reaped
}

// keep runs the builder to its end and to that of all its descendants. It
// stays on its thread: the builder dies with it (PR_SET_PDEATHSIG).
func (k *keeper) keep(args []string) (unix.WaitStatus, error) {
	runtime.LockOSThread()
	unix.CloseOnExec(keeperLeash)
	unix.CloseOnExec(keeperStatus)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, unix.SIGTERM)
	pid, err := execute(args)
	if err != nil {
		return 0, err
	}
	k.pid = pid
	k.say("started", pid)
	go k.forward(terms)
	over := make(chan struct{})
	var once sync.Once
	finish := func() { once.Do(func() { close(over) }) }
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(keeperLeash, "leash"))
		finish()
	}()
	go func() {
		<-over
		for { // until this process ends
			killDescendants()
			time.Sleep(time.Millisecond)
		}
	}()
	return k.reap(finish)
}

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

// forward passes SIGTERM on to the builder's group.
func (k *keeper) forward(signals <-chan os.Signal) {
	for range signals {
		k.mu.Lock()
		if k.pid != 0 {
			_ = unix.Kill(-k.pid, unix.SIGTERM)
		}
		k.mu.Unlock()
	}
}

// say tells the host something, which it reads with process.listen.
func (*keeper) say(what string, number int) {
	_, _ = unix.Write(keeperStatus, fmt.Appendf(nil, "%s %d\n", what, number))
}
