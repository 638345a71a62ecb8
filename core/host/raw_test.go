package host

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"banger/sdk"
	pb "banger/sdk/proto"
)

// rawBuilders are those that do not keep to go-plugin or to the protocol.
var rawBuilders = map[string]func(){
	"prints-line":     func() { fmt.Println("hello \x1b[31mworld"); forever() },
	"prints-garbage":  func() { fmt.Print("\x00\x01\xff|\x1b|\n"); forever() },
	"prints-100k":     func() { fmt.Print(strings.Repeat("z", 100<<10)); forever() },
	"prints-part":     func() { fmt.Print("1|1|unix") },
	"silent":          forever,
	"exits-3":         func() { fmt.Fprintln(os.Stderr, "cannot \x1b[1mstart"); os.Exit(3) },
	"closes-stdout":   func() { _ = os.Stdout.Close(); forever() },
	"newer":           func() { fmt.Println("1|7|unix|/x|grpc|" + certificate()); forever() },
	"older":           func() { fmt.Println("1|0|unix|/x|grpc|" + certificate()); forever() },
	"other-core":      func() { fmt.Println("9|1|unix|/x|grpc|" + certificate()); forever() },
	"netrpc":          func() { fmt.Println("1|1|unix|/x|netrpc|"); forever() },
	"no-certificate":  func() { fmt.Println("1|1|unix|/x|grpc|"); forever() },
	"bad-certificate": func() { fmt.Println("1|1|unix|/x|grpc|" + strings.Repeat("!", 99)); forever() },
	"far-away":        func() { fmt.Println("1|1|tcp|192.0.2.1:80|grpc|" + certificate()); forever() },
	"dead-address":    func() { fmt.Println("1|1|unix|/nonexistent/socket|grpc|" + certificate()); forever() },
	"dead-and-gone":   func() { fmt.Println("1|1|unix|/nonexistent/socket|grpc|" + certificate()) },
	"deaf-address": func() {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "s"))
		if err != nil {
			os.Exit(1)
		}
		fmt.Println("1|1|unix|" + l.Addr().String() + "|grpc|" + certificate())
		forever()
	},
	"two-results":  func() { serveRaw(result(5), result(5)) },
	"chatty-end":   func() { serveRaw(result(5), logEvent("more")) },
	"no-result":    func() { serveRaw(logEvent("only this")) },
	"wrong-size":   func() { serveRaw(result(6)) },
	"huge-message": func() { serveRaw(logEvent(strings.Repeat("x", 5<<20)), result(5)) },
	"odd-events": func() {
		serveRaw(&pb.BuildEvent{}, &pb.BuildEvent{Event: &pb.BuildEvent_Log{}}, logEvent("\x1b[31m"+strings.Repeat("x", 1<<20)), result(5))
	},
	"silent-stray":  func() { leaveStrays(context.Background()); forever() },
	"garbage-stray": func() { leaveStrays(context.Background()); fmt.Print("\x00\x1b[31m\n"); forever() },
	"dead-stray": func() {
		leaveStrays(context.Background())
		fmt.Println("1|1|unix|/nonexistent/socket|grpc|" + certificate())
		forever()
	},
	"exits-stray": func() { leaveStrays(context.Background()); os.Exit(3) },
	"no-builder":  func() { servePlugin(func(*grpc.Server) {}) },
}

func forever() { time.Sleep(time.Hour) }

// certificate returns one as a handshake has it.
func certificate() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

func result(size uint64) *pb.BuildEvent {
	return &pb.BuildEvent{Event: &pb.BuildEvent_Result{Result: &pb.Result{Size: size}}}
}

func logEvent(text string) *pb.BuildEvent {
	return &pb.BuildEvent{Event: &pb.BuildEvent_Log{Log: &pb.Log{Level: pb.LogLevel_LOG_LEVEL_INFO, Text: text}}}
}

// scripted is a builder that says what it is told to.
type scripted struct {
	pb.UnimplementedBuilderServer
	events []*pb.BuildEvent
}

func (scripted) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{Name: os.Getenv(fakeVar), MediaType: "application/x-test", Input: pb.Input_INPUT_TREE}, nil
}

func (s scripted) Build(req *pb.BuildRequest, stream grpc.ServerStreamingServer[pb.BuildEvent]) error {
	if err := os.WriteFile(req.GetOutput(), []byte("image"), 0o600); err != nil {
		return err
	}
	for _, e := range s.events {
		if err := stream.Send(e); err != nil {
			return err
		}
	}
	return nil
}

func serveRaw(events ...*pb.BuildEvent) {
	servePlugin(func(s *grpc.Server) { pb.RegisterBuilderServer(s, scripted{events: events}) })
}

func servePlugin(register func(*grpc.Server)) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: map[int]plugin.PluginSet{1: {"builder": rawPlugin{register: register}}},
		GRPCServer:       plugin.DefaultGRPCServer,
	})
}

type rawPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	register func(*grpc.Server)
}

func (p rawPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	p.register(s)
	return nil
}

func (rawPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("not a client")
}
