package sdk

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pb "banger/sdk/proto"
)

// ProtocolVersion is the version of builder.proto that this package speaks.
const ProtocolVersion = 1

// PluginName is the name of the builder among the plugins of its process.
const PluginName = "builder"

// Handshake is the cookie in the environment that tells a builder that banger
// started it. It is a courtesy to people, not a secret.
func Handshake() plugin.HandshakeConfig {
	return plugin.HandshakeConfig{MagicCookieKey: "BANGER_BUILDER", MagicCookieValue: "banger.builder.v1"}
}

// HostPlugins are the plugins that a host expects in a builder's process, by
// protocol version. Dispensing PluginName gives a [*Client].
func HostPlugins() map[int]plugin.PluginSet { return versioned(&grpcPlugin{}) }

func versioned(p *grpcPlugin) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{ProtocolVersion: {PluginName: p}}
}

type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	builder Builder
	life    *lifetime
}

// GRPCServer implements plugin.GRPCPlugin.
func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterBuilderServer(s, &server{builder: p.builder, life: p.life})
	return nil
}

// GRPCClient implements plugin.GRPCPlugin.
func (*grpcPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}
