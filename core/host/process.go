package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launch is what a process is started with.
type launch struct {
	keeper  Command
	program *os.File // executed; the name is for messages and argv[0]
	args    []string
	env     []string
	dir     string
	stdout  *os.File
	stderr  *os.File
	grace   time.Duration
	reap    time.Duration
}

// process is a builder's process with its descendants, and their keeper.
type process struct {
	pid    int                // of the builder
	stop   context.CancelFunc // begins the end: SIGTERM, and SIGKILL after grace
	exited chan struct{}      // closed when nothing of the builder is left
	state  string             // how the builder ended, once exited is closed
	killed atomic.Bool        // it did not end when it was told to

	keeper *exec.Cmd
	leash  *os.File      // the keeper kills everything when this is closed
	said   *bufio.Reader // what the keeper says
	status *os.File
}

// keeperStart bounds the wait for the keeper, which is this program itself and
// has nothing to do before it starts the builder.
const keeperStart = 30 * time.Second

// start launches a process. It lives until stop is called or ctx ends, and
// not longer than the process that calls start.
func start(ctx context.Context, l launch) (*process, error) {
	p := &process{exited: make(chan struct{})}
	if err := p.keep(l); err != nil {
		return nil, fmt.Errorf("start keeper: %w", err)
	}
	if err := p.started(ctx, l.program.Name()); err != nil {
		_ = p.leash.Close()
		_ = p.keeper.Process.Kill()
		_ = p.keeper.Wait()
		_ = p.status.Close()
		return nil, err
	}
	ctx, p.stop = context.WithCancel(ctx)
	go p.listen()
	go p.end(ctx, l.grace, l.reap)
	return p, nil
}

// keep starts the keeper, which starts the builder.
func (p *process) keep(l launch) error {
	leash, leashEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer leash.Close()
	status, statusEnd, err := os.Pipe()
	if err != nil {
		return errors.Join(err, leashEnd.Close())
	}
	defer statusEnd.Close()
	//nolint:noctx // the keeper outlives ctx, to see to the end of the builder
	cmd := exec.Command(l.keeper.Path, append(append(append([]string{}, l.keeper.Args...), l.program.Name()), l.args...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = l.env, l.dir, l.stdout, l.stderr
	cmd.ExtraFiles = []*os.File{l.program, leash, statusEnd}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, leashEnd.Close(), status.Close())
	}
	p.keeper, p.leash, p.status, p.said = cmd, leashEnd, status, bufio.NewReader(status)
	return nil
}

// started waits for the keeper's word that the builder runs.
func (p *process) started(ctx context.Context, path string) error {
	if err := p.status.SetReadDeadline(time.Now().Add(keeperStart)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.status.SetReadDeadline(time.Now()) })
	what, number, err := p.hear()
	switch {
	case !stop():
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("start %s: its keeper did not start it within %s", path, keeperStart)
	case err != nil:
		return fmt.Errorf("start %s: its keeper is gone: %w", path, err)
	case what != "started":
		return explainExec(path, syscall.Errno(number))
	}
	p.pid = number
	return p.status.SetReadDeadline(time.Time{})
}

// hear returns what the keeper says next; see [keeper.Keep].
func (p *process) hear() (what string, number int, err error) {
	line, err := p.said.ReadString('\n')
	if err != nil {
		return "", 0, err
	}
	_, err = fmt.Sscanf(line, "%s %d", &what, &number)
	return what, number, err
}

// listen stays with the keeper to its end.
func (p *process) listen() {
	defer p.stop()
	what, number, err := p.hear()
	_ = p.keeper.Process.Kill() // it has said its last
	_ = p.keeper.Wait()         // its ProcessState says it all
	if p.state = describeStatus(unix.WaitStatus(number)); err != nil || what != "ended" {
		p.state = "its keeper ended: " + p.keeper.ProcessState.String()
	}
	_ = p.status.Close()
	close(p.exited)
}

// end waits for ctx, and asks, tells and at last forces the keeper to end.
func (p *process) end(ctx context.Context, grace, reap time.Duration) {
	<-ctx.Done()
	_ = p.keeper.Process.Signal(unix.SIGTERM)
	p.killed.Store(!p.waitFor(grace))
	_ = p.leash.Close()
	if !p.waitFor(reap) {
		_ = p.keeper.Process.Kill() // the builder itself dies with it
	}
}

// describeStatus says how a process ended, as os.ProcessState does.
func describeStatus(s unix.WaitStatus) string {
	if s.Signaled() {
		text := "signal: " + s.Signal().String()
		if s.CoreDump() {
			text += " (core dumped)"
		}
		return text
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
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
