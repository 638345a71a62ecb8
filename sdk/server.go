package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"banger/internal/hint"
	pb "banger/sdk/proto"
)

// hintTrailer carries the hint of a failed build; see builder.proto.
const hintTrailer = "banger-hint-bin"

// server is a Builder as the gRPC service of builder.proto.
type server struct {
	pb.UnimplementedBuilderServer
	builder Builder
	life    *lifetime
}

// Describe implements pb.BuilderServer.
func (s *server) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	d, err := s.describe(ctx)
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	return descriptionToProto(&d), nil
}

func (s *server) describe(ctx context.Context) (d Description, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("describe: panic: %v", r)
		}
	}()
	return s.builder.Describe(ctx)
}

// Build implements pb.BuilderServer.
func (s *server) Build(m *pb.BuildRequest, stream grpc.ServerStreamingServer[pb.BuildEvent]) error {
	ctx := stream.Context()
	defer s.life.busy()()
	events := &sender{stream: stream}
	req := requestFromProto(m)
	req.Events = events
	err := s.build(ctx, req)
	events.close()
	if err := errors.Join(err, req.Close()); err != nil {
		if text := hint.Of(err); text != "" {
			stream.SetTrailer(metadata.Pairs(hintTrailer, text))
		}
		return toStatus(ctx, err)
	}
	size, err := imageSize(req.Output)
	if err != nil {
		return toStatus(ctx, err)
	}
	return stream.Send(&pb.BuildEvent{Event: &pb.BuildEvent_Result{Result: &pb.Result{Size: clamp(size)}}})
}

// build checks the options and runs the builder. A panic becomes an error,
// with its stack in the log.
func (s *server) build(ctx context.Context, req *Request) (err error) {
	defer func() {
		if r := recover(); r != nil {
			req.Log(LogWarn, "panic: %v\n%s", r, debug.Stack())
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	d, err := s.builder.Describe(ctx)
	if err != nil {
		return err
	}
	if req.Options, err = d.CheckOptions(req.Options); err != nil {
		return err
	}
	if err := d.CheckSize(req.Size); err != nil {
		return err
	}
	return s.builder.Build(ctx, req)
}

func imageSize(path string) (int64, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0, fmt.Errorf("the builder left no image: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return 0, fmt.Errorf("the builder left no regular file at %s", path)
	}
	return fi.Size(), nil
}

// maxStatus bounds the text of an error, which travels in a gRPC header.
const maxStatus = 4 << 10

func toStatus(ctx context.Context, err error) error {
	text := err.Error()
	text = valid(text[:min(len(text), maxStatus)])
	switch {
	case ctx.Err() != nil:
		return status.Error(codes.Canceled, text)
	case errors.Is(err, ErrInvalid):
		return status.Error(codes.InvalidArgument, text)
	}
	return status.Error(codes.Unknown, text)
}
