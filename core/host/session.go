package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"banger/internal/mtls"
	"banger/sdk"
)

// maxMessageSize bounds one message of a builder in bytes.
const maxMessageSize = 4 << 20

// work is what a builder is launched for.
type work struct {
	dir  string  // its working directory
	temp string  // its TMPDIR
	log  *events // takes what it prints; nil drops it
}

// session is a builder that was launched, from the launch to its end.
type session struct {
	host    *Host
	builder *Builder
	program *program
	client  *sdk.Client // once open has returned

	ctx     context.Context // ends with the session; the socket lives no longer
	cancel  context.CancelFunc
	sockets *sockets
	plugin  *plugin.Client
	runner  *runner
	noise   *noise
	stdio   [2]*lineWriter // what go-plugin's server forwards
}

// open launches b from p, which is loaded and stays the caller's, and returns
// once it answers. The caller ends the session.
func (h *Host) open(ctx context.Context, b *Builder, p *program, w work) (*session, error) {
	certificate, err := mtls.New()
	if err != nil {
		return nil, failure(ctx, b, "start", fmt.Errorf("make a certificate: %w", err))
	}
	sockets, err := newSockets(h.cfg.TempDir)
	if err != nil {
		return nil, failure(ctx, b, "start", err)
	}
	lifetime, cancel := context.WithCancel(ctx)
	s := &session{host: h, builder: b, program: p, ctx: lifetime, cancel: cancel, sockets: sockets, noise: newNoise(w.log)}
	s.runner = newRunner(s, w, mtls.PEM(certificate))
	s.plugin = plugin.NewClient(s.config(certificate))
	if err := s.connect(lifetime); err != nil {
		err = s.failure(ctx, "start", err)
		return nil, errors.Join(err, s.end())
	}
	// The one connection there will be is made; nobody needs the socket's name.
	if err := s.sockets.remove(); err != nil {
		return nil, errors.Join(failure(ctx, b, "start", err), s.end())
	}
	return s, nil
}

// config is that of a plugin with AutoMTLS, but for who makes certificate: see
// package mtls. go-plugin adds to it what the builder's handshake holds.
func (s *session) config(certificate tls.Certificate) *plugin.ClientConfig {
	s.stdio = [2]*lineWriter{{to: s.noise, stdout: true}, {to: s.noise}}
	return &plugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: sdk.HostPlugins(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        mtls.Client(certificate),
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(),
		StartTimeout:     s.host.limits.start,
		SyncStdout:       s.stdio[0],
		SyncStderr:       s.stdio[1],
		RunnerFunc:       s.runner.prepare,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: s.sockets.dir},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithContextDialer(s.dial),
			grpc.WithIdleTimeout(0),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageSize), grpc.MaxCallSendMsgSize(maxMessageSize)),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: s.host.limits.connect}),
		},
	}
}

// connect launches the builder and waits for it to answer: go-plugin itself
// would take any address for a working one until the first call.
func (s *session) connect(ctx context.Context) error {
	defer close(s.runner.connected)
	if _, err := s.plugin.Start(); err != nil {
		return err
	}
	protocol, err := s.plugin.Client()
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	raw, err := protocol.Dispense(sdk.PluginName)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	client, ok := raw.(*sdk.Client)
	if !ok {
		return errors.New("connect: no builder client")
	}
	pingCtx, cancel := context.WithTimeout(ctx, s.host.limits.connect)
	defer cancel()
	if err := client.Ping(pingCtx); err != nil {
		return fmt.Errorf("it does not answer at %s: %w", quote(s.runner.address), remote(err))
	}
	s.client = client
	return nil
}

// dial connects to the builder for as long as the session lasts.
func (s *session) dial(ctx context.Context, _ string) (net.Conn, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, s.runner.network, s.runner.address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(s.ctx, func() { _ = conn.Close() }) //nolint:contextcheck // the caller's context is the dial's
	return conn, nil
}

// killWithin bounds the wait for go-plugin's own clearing up.
const killWithin = 2 * time.Second

// end sees the builder gone: it is asked to leave, then told, then killed.
// When end returns its process group is no more. The error says that it is
// still there all the same.
func (s *session) end() error {
	l := s.host.limits
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		s.plugin.Kill() // has no bound of its own
	}()
	if s.ctx.Err() == nil {
		wait(killed, l.polite)
	}
	s.cancel()
	err := s.runner.finish(l.grace + l.reap + l.last)
	wait(killed, killWithin)
	for _, w := range s.stdio {
		w.flush()
	}
	s.noise.close()
	return errors.Join(err, s.sockets.remove())
}

func wait(done <-chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
