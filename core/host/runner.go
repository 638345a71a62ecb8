package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin/runner"

	"banger/internal/hint"
	"banger/internal/mtls"
)

// drainWithin bounds the reading of what a process that is gone has printed.
const drainWithin = 200 * time.Millisecond

// runner launches a builder's process for go-plugin. It reads the process's
// output itself: go-plugin gets to see one valid handshake line and an empty
// standard error, so that nothing that holds these pipes can hold go-plugin.
type runner struct {
	session     *session
	work        work
	certificate string   // of the host, in PEM
	env         []string // as go-plugin made it

	proc             *process // once Start has launched it
	line             string   // the handshake
	network, address string

	pipes     []*os.File // the reading ends
	readers   sync.WaitGroup
	connected chan struct{} // closed when nobody waits for a connection any more
}

func newRunner(s *session, w work, certificate string) *runner {
	return &runner{session: s, work: w, certificate: certificate, connected: make(chan struct{})}
}

// prepare is a plugin.ClientConfig.RunnerFunc.
func (r *runner) prepare(_ hclog.Logger, cmd *exec.Cmd, _ string) (goplugin.Runner, error) {
	r.env = append(r.environment(), cmd.Env...)
	return r, nil
}

// fileVar names the file of a third party's builder, which executes a copy and
// may want what lies beside the file.
const fileVar = "BANGER_BUILDER_FILE"

// environment is all that a builder inherits.
func (r *runner) environment() []string {
	env := []string{"PATH=" + r.session.host.cfg.ToolPath, "LC_ALL=C", "TZ=UTC", "TMPDIR=" + r.work.temp, "HOME=" + r.work.dir, mtls.ClientCertVar + "=" + r.certificate}
	if b := r.session.builder; !b.Bundled {
		env = append(env, fileVar+"="+b.Path)
	}
	return env
}

// Start implements runner.Runner: it launches the process and returns when
// the handshake is there.
func (r *runner) Start(context.Context) error {
	stdout, stderr, err := r.launch()
	if err != nil {
		return err
	}
	handshake := make(chan error, 1)
	r.readers.Go(func() { r.readStdout(stdout, handshake) })
	r.readers.Go(func() { r.drain(stderr, false) })
	return r.await(handshake)
}

// launch starts the process and returns the reading ends of its pipes; it
// holds the writing ends alone.
func (r *runner) launch() (stdout, stderr *os.File, err error) {
	stdout, outWriter, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer outWriter.Close()
	r.pipes = append(r.pipes, stdout)
	stderr, errWriter, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer errWriter.Close()
	r.pipes = append(r.pipes, stderr)
	b := r.session.builder
	r.proc, err = start(r.session.ctx, launch{
		keeper: r.session.host.cfg.Keeper, program: r.session.program.run,
		args: b.args, env: r.env, dir: r.work.dir, stdout: outWriter, stderr: errWriter,
		grace: r.session.host.limits.grace, reap: r.session.host.limits.reap,
	})
	return stdout, stderr, err
}

func (r *runner) await(handshake <-chan error) error {
	limit := r.session.host.limits.start
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-handshake:
		return err
	case <-r.session.ctx.Done():
		return context.Cause(r.session.ctx)
	case <-timer.C:
		err := fmt.Errorf("no handshake within %s", limit)
		return hint.With(err, "a builder calls sdk.Main at once; is this a builder at all?")
	}
}

// readStdout reads the handshake, and after it what does not belong there.
func (r *runner) readStdout(stdout io.Reader, handshake chan<- error) {
	br := bufio.NewReaderSize(stdout, maxHandshake)
	line, err := readHandshake(br)
	r.line = line
	handshake <- err
	r.drain(br, true)
}

func (r *runner) drain(from io.Reader, isStdout bool) {
	w := &lineWriter{to: r.session.noise, stdout: isStdout}
	_, _ = io.Copy(w, from) // ends with the pipe, or with its deadline
	w.flush()
}

// finish ends the process and everything that this runner does.
func (r *runner) finish(limit time.Duration) error {
	var err error
	if r.proc != nil {
		err = r.proc.finish(limit)
	}
	r.drainPipes()
	for _, p := range r.pipes {
		err = errors.Join(err, p.Close())
	}
	r.pipes = nil
	return err
}

// drainPipes takes what is left in the pipes of a process that has ended. One
// outside its group can hold them open, and is not waited for.
func (r *runner) drainPipes() {
	for _, p := range r.pipes {
		_ = p.SetReadDeadline(time.Now().Add(drainWithin))
	}
	r.readers.Wait()
}

// died tells how the process ended by itself; "" if it lives. If it is
// expected to be ending, died gives it a moment.
func (r *runner) died(ending bool) string {
	if r.proc == nil {
		return ""
	}
	if ending {
		r.proc.waitFor(r.session.host.limits.die)
	}
	state := r.proc.ended()
	if state != "" {
		r.drainPipes()
	}
	return state
}

// Wait implements runner.Runner. go-plugin takes its return for the end of
// every call; one that is cut off while it connects would leak.
func (r *runner) Wait(context.Context) error {
	<-r.connected
	<-r.proc.exited
	return nil
}

// Kill implements runner.Runner.
func (r *runner) Kill(context.Context) error {
	if r.proc != nil {
		r.proc.stop()
	}
	return nil
}

// Stdout implements runner.Runner: the handshake, and no more.
func (r *runner) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(r.line + "\n")) }

// Stderr implements runner.Runner: nothing.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (r *runner) Name() string { return r.session.builder.Path }

// ID implements runner.Runner; "" means that there is nothing to kill.
func (r *runner) ID() string {
	if r.proc == nil {
		return ""
	}
	return strconv.Itoa(r.proc.pid)
}

// Diagnose implements runner.Runner. The errors of Start say it all.
func (r *runner) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner and notes where the builder listens.
func (r *runner) PluginToHost(network, address string) (hostNetwork, hostAddress string, err error) {
	r.network, r.address = network, address
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (r *runner) HostToPlugin(network, address string) (pluginNetwork, pluginAddress string, err error) {
	return network, address, nil
}
