package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"banger/internal/hint"
	pb "banger/sdk/proto"
)

// ErrProtocol is wrapped by errors about a builder that does not keep to
// builder.proto.
var ErrProtocol = errors.New("the builder broke the protocol")

// Client calls a builder over its gRPC connection. It is what a host uses; it
// trusts the builder to answer in time, and does not bound what it says.
type Client struct {
	rpc    pb.BuilderClient
	health healthpb.HealthClient
}

// NewClient returns a client on conn, which stays the caller's.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{pb.NewBuilderClient(conn), healthpb.NewHealthClient(conn)}
}

// Ping asks the process behind the connection whether it serves.
func (c *Client) Ping(ctx context.Context) error {
	r, err := c.health.Check(ctx, &healthpb.HealthCheckRequest{Service: plugin.GRPCServiceName})
	if err == nil && r.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		err = fmt.Errorf("%w: its health is %s", ErrProtocol, r.GetStatus())
	}
	return err
}

// Describe asks the builder what it is.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	m, err := c.rpc.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return Description{}, err
	}
	return descriptionFromProto(m), nil
}

// Build asks for one build, passes what the builder says to req.Events and
// returns the size of the image that it promises. It calls req.Events from
// the goroutine of its caller, so a slow one slows the builder down. An error
// of the builder comes as its gRPC status, with the builder's hint.
func (c *Client) Build(ctx context.Context, req *Request) (size int64, err error) {
	m, err := requestToProto(req)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.Build(ctx, m)
	if err != nil {
		return 0, err
	}
	for {
		e, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return 0, fmt.Errorf("%w: it ended without a result", ErrProtocol)
		case err != nil:
			return 0, withHint(err, stream)
		}
		if r := e.GetResult(); r != nil {
			return signed(r.GetSize()), expectEnd(stream)
		}
		deliver(req, e)
	}
}

func deliver(req *Request, e *pb.BuildEvent) {
	switch e := e.GetEvent().(type) {
	case *pb.BuildEvent_Log:
		req.Log(LogLevel(small(int32(e.Log.GetLevel()))), "%s", e.Log.GetText())
	case *pb.BuildEvent_Progress:
		req.Progress(progressFromProto(e.Progress))
	case *pb.BuildEvent_Losses:
		losses := make([]Loss, len(e.Losses.GetLosses()))
		for i, m := range e.Losses.GetLosses() {
			losses[i] = lossFromProto(m)
		}
		req.Lose(losses...)
	case *pb.BuildEvent_Placed:
		if req.Events != nil {
			req.Events.Placed(signed(e.Placed.GetSize()))
		}
	}
}

// expectEnd holds the builder to its result being the last it says.
func expectEnd(stream grpc.ServerStreamingClient[pb.BuildEvent]) error {
	e, err := stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return withHint(err, stream)
	case e.GetResult() != nil:
		return fmt.Errorf("%w: it sent two results", ErrProtocol)
	}
	return fmt.Errorf("%w: it went on after its result", ErrProtocol)
}

func withHint(err error, stream grpc.ClientStream) error {
	if texts := stream.Trailer().Get(hintTrailer); len(texts) > 0 && texts[0] != "" {
		return hint.With(err, texts[0])
	}
	return err
}
