// Package keeper is the process between a host and a builder. It is a package
// of its own, with few others below it, so that a program can become a keeper
// before it initializes what it needs for all else.
package keeper

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

// BusyTries and BusyWait bound how long a builder's file that is still open for
// writing is waited for. One that was written a moment ago can be busy for as
// long as a fork of another thread has not come to its exec.
const (
	BusyTries = 20
	BusyWait  = 10 * time.Millisecond
)

// Keep is the main function of a keeper, which lives as long as anything of the
// builder and no longer. args are the builder's, its name first. Keep does not
// return. On Linux it starts its program once more, with "" before args, to
// become the builder.
//
// A keeper kills every descendant of the builder that it can find, when the
// builder has ended, or when the leash has, because the host let go of it or
// died. It passes SIGTERM on to the builder's process group.
//
// On Linux it adopts every orphan among them (prctl(2),
// PR_SET_CHILD_SUBREAPER), whatever group or session it moved to, and so finds
// all. On macOS it finds the builder's process group, and whose parents still
// live.
func Keep(args []string) {
	if args[0] == "" {
		become(args[1:])
	}
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
// stays on its thread, with which the builder dies on Linux
// (PR_SET_PDEATHSIG).
func (k *keeper) keep(args []string) (unix.WaitStatus, error) {
	runtime.LockOSThread()
	unix.CloseOnExec(keeperLeash)
	unix.CloseOnExec(keeperStatus)
	if err := adoptOrphans(); err != nil {
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
			killDescendants(pid)
			time.Sleep(time.Millisecond)
		}
	}()
	return k.reap(finish)
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
