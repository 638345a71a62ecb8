// Command banger turns OCI images into filesystem images that microVMs boot.
// It is the only part of banger that prints, exits or reads the environment.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// How much garbage there may be at a time: half of what is in use, where Go
// takes as much again, and half of a ballast, which counts as in use and never
// has a page. So a tree of a million entries takes 0.8 KB an entry, and a build
// of a few ten thousand, which has 20 MB in use, collects nothing for most of
// its time.
const (
	gcPercent = 50
	ballast   = 64 << 20
)

func main() {
	debug.SetGCPercent(gcPercent)
	forgetEmptyTwins()
	held := make([]byte, ballast)
	ctx, stop := interruptible()
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	runtime.KeepAlive(held)
	stop()
	os.Exit(code)
}

// forgetEmptyTwins takes an empty BANGER_* variable for one that is not set,
// as in BANGER_SIZE= banger build ….
func forgetEmptyTwins() {
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); value == "" && strings.HasPrefix(name, "BANGER_") {
			_ = os.Unsetenv(name)
		}
	}
}

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP
// ends, so that everything can be cleared away. A second one ends the process
// at once; builders die with it.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // nohup and background jobs want it to stay so
			signal.Notify(signals, s)
		}
	}
	go func() {
		<-signals
		cancel(errInterrupted)
		<-signals
		os.Exit(exitInterrupted)
	}()
	return ctx, func() { cancel(nil) }
}
