package sdk

import (
	"context"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/stats"
)

const (
	// connectWithin is how long a builder waits for its host's connection.
	connectWithin = time.Minute
	// endWithin is how long builds have to return once their host is gone.
	endWithin = 2 * time.Second
)

// lifetime ties a builder process to its host: the host holds one connection
// for as long as it lives, so the end of that connection is the end of the
// builder. It implements stats.Handler, through which gRPC tells of
// connections, and counts the builds that run.
type lifetime struct {
	connected chan struct{} // closed with the first connection
	lost      chan struct{} // closed when the last connection has ended

	mu     sync.Mutex
	conns  int
	builds sync.WaitGroup
}

func newLifetime() *lifetime {
	return &lifetime{connected: make(chan struct{}), lost: make(chan struct{})}
}

// busy notes that a build runs until the returned function is called.
func (l *lifetime) busy() (done func()) {
	l.builds.Add(1)
	return l.builds.Done
}

// watch waits for the host to come and to go, and ends the process.
func (l *lifetime) watch() {
	select {
	case <-l.connected:
		<-l.lost
	case <-time.After(connectWithin):
	}
	l.end()
}

// end ends the process once its builds have returned: the end of the
// connection has cancelled them, and they end what they started. If they do
// not, it ends the process group, provided that this process leads it.
func (l *lifetime) end() {
	idle := make(chan struct{})
	go func() {
		l.builds.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-time.After(endWithin):
		if unix.Getpgrp() == unix.Getpid() {
			_ = unix.Kill(0, unix.SIGKILL)
		}
	}
	os.Exit(0)
}

// HandleConn implements stats.Handler.
func (l *lifetime) HandleConn(_ context.Context, s stats.ConnStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.(type) {
	case *stats.ConnBegin:
		if l.conns++; l.conns == 1 {
			closeOnce(l.connected)
		}
	case *stats.ConnEnd:
		if l.conns--; l.conns == 0 {
			closeOnce(l.lost)
		}
	}
}

// closeOnce closes c unless it is closed. The caller holds a lock.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// TagRPC implements stats.Handler.
func (*lifetime) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (*lifetime) HandleRPC(context.Context, stats.RPCStats) {}

// TagConn implements stats.Handler.
func (*lifetime) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
