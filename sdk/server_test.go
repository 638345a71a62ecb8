package sdk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"banger/internal/hint"
	pb "banger/sdk/proto"
)

// funcs is a Builder made of functions.
type funcs struct {
	d     Description
	build func(context.Context, *Request) error
}

func (f funcs) Describe(context.Context) (Description, error) { return f.d, nil }

func (f funcs) Build(ctx context.Context, req *Request) error { return f.build(ctx, req) }

// serve serves b and returns a connection to it.
func serve(t *testing.T, b Builder) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	pb.RegisterBuilderServer(s, &server{builder: b, life: newLifetime()})
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	conn, err := grpc.NewClient("passthrough:builder", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		s.Stop()
		wg.Wait()
	})
	return conn
}

// sink keeps what a builder says.
type sink struct {
	logged   []string
	progress []Progress
	losses   []Loss
	batches  int
	placed   []int64
}

func (s *sink) Log(level LogLevel, text string) {
	s.logged = append(s.logged, fmt.Sprintf("%d %s", level, text))
}
func (s *sink) Progress(p Progress) { s.progress = append(s.progress, p) }
func (s *sink) Placed(size int64)   { s.placed = append(s.placed, size) }
func (s *sink) Lose(losses []Loss) {
	s.losses = append(s.losses, losses...)
	s.batches++
}

func writes(content string) func(context.Context, *Request) error {
	return func(_ context.Context, req *Request) error {
		return os.WriteFile(req.Output, []byte(content), 0o600)
	}
}

func TestBuildOverConnection(t *testing.T) {
	t.Parallel()
	c := NewClient(serve(t, funcs{described, func(ctx context.Context, req *Request) error {
		req.Log(LogWarn, "first\nsecond %s", "\xff")
		req.Progress(Progress{"write", 1, 2, "files"})
		req.Lose(Loss{Path: "\xff", Field: "owner"}, Loss{Path: "b"})
		req.Log(LogInfo, "block %d", req.Options.Size("block"))
		return writes("12345")(ctx, req)
	}}))
	ev := &sink{}
	req := &Request{Output: filepath.Join(t.TempDir(), "image"), Events: ev}
	size, err := c.Build(t.Context(), req)
	if err != nil || size != 5 {
		t.Fatalf("size is %d, %v", size, err)
	}
	if want := []string{"3 first", "3 second \ufffd", "2 block 4096"}; !slices.Equal(ev.logged, want) {
		t.Errorf("log is %q, want %q", ev.logged, want)
	}
	if len(ev.progress) != 1 || ev.progress[0] != (Progress{"write", 1, 2, "files"}) {
		t.Errorf("progress is %v", ev.progress)
	}
	if len(ev.losses) != 2 || ev.losses[0] != (Loss{Path: "\xff", Field: "owner"}) {
		t.Errorf("losses are %v", ev.losses)
	}
}

func TestPlacedOverConnection(t *testing.T) {
	t.Parallel()
	c := NewClient(serve(t, funcs{described, func(ctx context.Context, req *Request) error {
		req.Events.Placed(5)
		return writes("12345")(ctx, req)
	}}))
	ev := &sink{}
	for _, to := range []Events{ev, nil} {
		if size, err := c.Build(t.Context(), &Request{Output: filepath.Join(t.TempDir(), "image"), Events: to}); err != nil || size != 5 {
			t.Errorf("size is %d, %v", size, err)
		}
	}
	if !slices.Equal(ev.placed, []int64{5}) {
		t.Errorf("placed %v", ev.placed)
	}
}

func TestBuildErrors(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		build func(context.Context, *Request) error
		given Options
		want  string
		code  codes.Code
	}{
		{"error", func(context.Context, *Request) error { return errors.New("no room") }, nil, "no room", codes.Unknown},
		{"panic", func(context.Context, *Request) error { panic("oops") }, nil, "panic: oops", codes.Unknown},
		{"no image", func(context.Context, *Request) error { return nil }, nil, "left no image", codes.Unknown},
		{"symlink", func(_ context.Context, req *Request) error { return os.Symlink("/etc/passwd", req.Output) }, nil, "no regular file", codes.Unknown},
		{"option", writes("x"), Options{"labl": "x"}, "takes label", codes.InvalidArgument},
		{"size", func(context.Context, *Request) error {
			_, err := (&Sizing{Format: "x", Inodes: 9}).Plan(SizePlan{Inodes: 8})
			return err
		}, nil, "the tree needs 9", codes.InvalidArgument},
		{"invalid", func(context.Context, *Request) error {
			return fmt.Errorf("check options: %w", Invalid(errors.New("none of a and b")))
		}, nil, "check options: none of a and b", codes.InvalidArgument},
		{"endless text", func(context.Context, *Request) error { return errors.New(strings.Repeat("\xff", 1<<20)) }, nil, "", codes.Unknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := NewClient(serve(t, funcs{described, c.build}))
			_, err := client.Build(t.Context(), &Request{Output: filepath.Join(t.TempDir(), "image"), Options: c.given})
			if status.Code(err) != c.code || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 20<<10 {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestHintCrosses(t *testing.T) {
	t.Parallel()
	const text = "use --size 2G · größer"
	c := NewClient(serve(t, funcs{described, func(context.Context, *Request) error {
		return hint.With(errors.New("no room"), text)
	}}))
	if _, err := c.Build(t.Context(), &Request{}); hint.Of(err) != text {
		t.Errorf("hint of %v is %q", err, hint.Of(err))
	}
}

func TestPanicLogsStack(t *testing.T) {
	t.Parallel()
	c := NewClient(serve(t, funcs{described, func(context.Context, *Request) error { panic("oops") }}))
	ev := &sink{}
	if _, err := c.Build(t.Context(), &Request{Events: ev}); err == nil || !strings.Contains(strings.Join(ev.logged, "\n"), "server_test.go") {
		t.Errorf("log is %q, %v", ev.logged, err)
	}
}

func TestCancelReachesBuilder(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan struct{})
	c := NewClient(serve(t, funcs{described, func(ctx context.Context, _ *Request) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	}}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if _, err := c.Build(ctx, &Request{}); status.Code(err) != codes.Canceled {
		t.Errorf("error is %v", err)
	}
	<-ended
}

// Many losses travel in few messages, each of them well under 1 MiB, however
// large the single ones are.
func TestLossesAreBatched(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 10<<20)
	conn := serve(t, funcs{described, func(ctx context.Context, req *Request) error {
		for i := range 100_000 {
			req.Lose(Loss{Path: fmt.Sprintf("usr/share/file-%d", i), Field: "owner", Wanted: "0:0", Got: "1000:1000"})
		}
		for range 10 {
			req.Lose(Loss{Path: large, Field: large, Wanted: large, Got: large, Why: large})
		}
		return writes("x")(ctx, req)
	}})
	stream, err := pb.NewBuilderClient(conn).Build(t.Context(), &pb.BuildRequest{Output: filepath.Join(t.TempDir(), "image")})
	if err != nil {
		t.Fatal(err)
	}
	losses, messages := 0, 0
	for {
		e, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e.GetResult() != nil {
			break
		}
		if n := proto.Size(e); n >= 1<<20 {
			t.Errorf("message of %d bytes", n)
		}
		losses += len(e.GetLosses().GetLosses())
		messages++
	}
	if losses != 100_010 || messages > 100 {
		t.Errorf("%d losses in %d messages", losses, messages)
	}
}

// What a forgotten goroutine says after Build has returned goes nowhere.
func TestEventsAfterBuildAreDropped(t *testing.T) {
	t.Parallel()
	var late *Request
	c := NewClient(serve(t, funcs{described, func(ctx context.Context, req *Request) error {
		late = req
		return writes("x")(ctx, req)
	}}))
	ev := &sink{}
	if _, err := c.Build(t.Context(), &Request{Output: filepath.Join(t.TempDir(), "image"), Events: ev}); err != nil {
		t.Fatal(err)
	}
	late.Log(LogInfo, "late")
	late.Lose(Loss{Path: "late"})
	if len(ev.logged)+len(ev.losses) > 0 {
		t.Errorf("said %v, %v", ev.logged, ev.losses)
	}
}

func TestProgressIsSpaced(t *testing.T) {
	t.Parallel()
	c := NewClient(serve(t, funcs{described, func(ctx context.Context, req *Request) error {
		for i := range int64(100_000) {
			req.Progress(Progress{"one", i + 1, 100_000, "files"})
		}
		req.Progress(Progress{"two", 0, 0, ""})
		return writes("x")(ctx, req)
	}}))
	ev := &sink{}
	if _, err := c.Build(t.Context(), &Request{Output: filepath.Join(t.TempDir(), "image"), Events: ev}); err != nil {
		t.Fatal(err)
	}
	n := len(ev.progress)
	if n < 3 || n > 10_000 || ev.progress[n-2] != (Progress{"one", 100_000, 100_000, "files"}) || ev.progress[n-1].Phase != "two" {
		t.Errorf("%d events, the last %v", n, ev.progress[max(n-2, 0):])
	}
}

func TestPathsMustBeUTF8(t *testing.T) {
	t.Parallel()
	c := NewClient(serve(t, funcs{described, writes("x")}))
	if _, err := c.Build(t.Context(), &Request{Output: "/tmp/\xff"}); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("error is %v", err)
	}
}

func TestDescriptionRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		want := Description{
			Name: text.Draw(t, "name"), Version: text.Draw(t, "version"), Revision: rapid.Uint32().Draw(t, "revision"),
			MediaType: text.Draw(t, "type"), Input: Input(rapid.Uint8().Draw(t, "input")),
			Staging: Staging(rapid.Uint8().Draw(t, "staging")), CannotKeep: nonEmpty(t, text),
			Deterministic: rapid.Bool().Draw(t, "d"), PrivilegeDependent: rapid.Bool().Draw(t, "p"),
			Options:  []Option{{text.Draw(t, "o"), OptionType(rapid.Uint8().Draw(t, "ot")), text.Draw(t, "default"), text.Draw(t, "doc"), nonEmpty(t, text), int(rapid.Int32Min(0).Draw(t, "max")), text.Draw(t, "pattern")}},
			MinBytes: rapid.Int64Min(0).Draw(t, "min"),
			Tools:    []Tool{{text.Draw(t, "t"), text.Draw(t, "path"), text.Draw(t, "tv"), text.Draw(t, "hint")}},
		}
		wire, err := proto.Marshal(descriptionToProto(&want))
		if err != nil {
			t.Fatal(err)
		}
		m := &pb.DescribeResponse{}
		if err := proto.Unmarshal(wire, m); err != nil {
			t.Fatal(err)
		}
		if got := descriptionFromProto(m); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func nonEmpty(t *rapid.T, g *rapid.Generator[string]) []string {
	return rapid.SliceOfN(g, 1, 3).Draw(t, "list")
}

func TestRequestRoundTrip(t *testing.T) {
	t.Parallel()
	want := &Request{
		TreePath: "/tree", TreeDigest: "sha256:x", PackPaths: []string{"/a", "/b"}, Dir: "/dir", TarPath: "/tar",
		StagingLossesPath: "/losses", Options: Options{"a": "b"},
		Size: SizePlan{1, 2, 3, 4}, Output: "/out", Scratch: "/scratch",
	}
	m, err := requestToProto(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := requestFromProto(m); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// Numbers that do not fit are bounded, not wrapped.
	m.Size = &pb.SizePlan{Bytes: 1 << 63, FreePercent: 1 << 31}
	if got := requestFromProto(m).Size; got.Bytes < 0 || got.FreePercent < 0 {
		t.Errorf("size is %+v", got)
	}
	m, err = requestToProto(&Request{Size: SizePlan{-1, -1, -1, -1}})
	if err != nil || m.GetSize().GetBytes() != 0 || m.GetSize().GetFreePercent() != 0 {
		t.Errorf("size is %v, %v", m.GetSize(), err)
	}
}
