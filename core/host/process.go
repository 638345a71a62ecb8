package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launch is what a process is started with.
type launch struct {
	path   string
	args   []string
	env    []string
	dir    string
	stdout *os.File
	stderr *os.File
	grace  time.Duration
}

// process is a builder's process and the process group that it leads.
type process struct {
	pid    int
	stop   context.CancelFunc // begins the end: SIGTERM, and SIGKILL after grace
	exited chan struct{}      // closed when the process is reaped and its group is gone
	state  string             // how it ended, once exited is closed

	mu     sync.Mutex
	reaped bool
}

// start launches a process. It lives until stop is called or ctx ends, and
// not longer than the process that calls start.
func start(ctx context.Context, l launch) (*process, error) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{stop: stop, exited: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(ctx, l, started)
	if err := <-started; err != nil {
		stop()
		return nil, err
	}
	return p, nil
}

// run starts the process and stays with it. It keeps to one thread, because
// Linux delivers the death signal when the parent's thread ends: prctl(2),
// PR_SET_PDEATHSIG.
func (p *process) run(ctx context.Context, l launch, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer p.stop()
	cmd, err := p.exec(ctx, l)
	if err != nil {
		started <- err
		return
	}
	if leash, err := newLeash(p.pid); err == nil { // without one the death signal has to do
		defer leash.release()
	}
	started <- nil
	waitExit(p.pid)
	p.signal(unix.SIGKILL, true)
	_ = cmd.Wait() // its ProcessState says it all
	p.state = cmd.ProcessState.String()
	waitGroup(p.pid)
	close(p.exited)
}

// exec starts the command. A file that was written a moment ago can be busy
// for as long as another goroutine's fork has not come to its exec.
func (p *process) exec(ctx context.Context, l launch) (*exec.Cmd, error) {
	for range 20 {
		cmd := p.command(ctx, l)
		err := cmd.Start()
		if err == nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.pid = cmd.Process.Pid
			return cmd, nil
		}
		if !errors.Is(err, unix.ETXTBSY) {
			return nil, explainExec(l.path, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, explainExec(l.path, unix.ETXTBSY)
}

func (p *process) command(ctx context.Context, l launch) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.path, l.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = l.env, l.dir, l.stdout, l.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error {
		p.signal(unix.SIGTERM, false)
		return os.ErrProcessDone
	}
	cmd.WaitDelay = l.grace // from Cancel to SIGKILL
	return cmd
}

// signal signals the group. Its number is the process's own for as long as
// that is not reaped.
func (p *process) signal(sig unix.Signal, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped && p.pid > 0 {
		_ = unix.Kill(-p.pid, sig)
	}
	p.reaped = p.reaped || last
}

// waitExit waits until pid has ended, and leaves it to be reaped.
func waitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// waitGroup waits until nothing is left of a killed group. The kernel needs a
// moment for that; whoever reaps orphans on this machine may need longer, and
// is not waited for: a zombie does nothing.
func waitGroup(pgid int) {
	for range 100 {
		if err := unix.Kill(-pgid, 0); err != nil {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// waitFor waits for the process to be gone for at most limit.
func (p *process) waitFor(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// ended tells how the process ended, or "" while it has not.
func (p *process) ended() string {
	select {
	case <-p.exited:
		return p.state
	default:
		return ""
	}
}

var errUndead = errors.New("its process does not end, even when killed: see what it waits for in /proc/PID/stack")

// finish sees the process gone within limit.
func (p *process) finish(limit time.Duration) error {
	p.stop()
	if !p.waitFor(limit) {
		return fmt.Errorf("process %d: %w", p.pid, errUndead)
	}
	return nil
}
