package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// ErrByHand is returned by [Serve] in a process that banger did not start.
var ErrByHand = errors.New("not started by banger")

// Main is the main function of a builder's program: it serves b until banger
// is done with it. Run by hand, it says what the program is and exits with 1.
func Main(b Builder) {
	if err := Serve(b); err != nil {
		explain(os.Stderr, filepath.Base(os.Args[0]), b)
		os.Exit(1)
	}
}

// Serve serves b to the banger that started this process, over the socket and
// with the certificate that the environment names. When banger is done with
// it, or has died, Serve ends the process; builds that still run are cancelled
// and have two seconds to return, after which the process group that banger
// made for the builder is killed. In a process that banger did not start
// Serve returns ErrByHand.
func Serve(b Builder) error {
	if cookie := Handshake(); os.Getenv(cookie.MagicCookieKey) != cookie.MagicCookieValue {
		return ErrByHand
	}
	life := newLifetime()
	go life.watch()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  Handshake(),
		TLSProvider:      certified,
		VersionedPlugins: versioned(&grpcPlugin{builder: b, life: life}),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.StatsHandler(life))...)
		},
	})
	life.end()
	return nil
}

// explain tells someone who ran a builder by hand what it is.
func explain(w io.Writer, program string, b Builder) {
	d, err := b.Describe(context.Background())
	if err != nil {
		d.Name = program
	}
	_, _ = fmt.Fprintf(w, `%s is a builder for banger: banger starts it to write an image (%s).
Run by hand it does nothing. To use it, put it on banger's plugin path and run

    banger builders describe %s
    banger build --builder %[3]s -o FILE IMAGE
`, program, d.MediaType, d.Name)
}
