package sdk_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"banger/sdk"
	pb "banger/sdk/proto"
	"banger/sdk/tree"
)

// printer is Events that prints.
type printer struct{}

func (printer) Log(_ sdk.LogLevel, text string) { fmt.Println("log:", text) }
func (printer) Progress(p sdk.Progress)         { fmt.Println(p.Phase, p.Done, "of", p.Total, p.Unit) }
func (printer) Lose(losses []sdk.Loss)          { fmt.Println("lost:", losses[0].Field) }
func (printer) Placed(size int64)               { fmt.Println("placed, in", size, "bytes") }

// helloRequest is a request for an image of a tree with one file, /hello, as
// banger makes one.
func helloRequest(dir string) (*sdk.Request, error) {
	const content = "hello, world\n"
	t := tree.Tree{Layers: []string{"sha256:demo"}, Entries: []tree.Entry{
		{Type: tree.Directory, Mode: 0o755},
		{
			Path: "hello", Type: tree.Regular, Mode: 0o644,
			Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content)), Extents: []tree.Extent{{Length: int64(len(content))}},
		},
	}}
	req := &sdk.Request{
		TreePath: filepath.Join(dir, "tree"), PackPaths: []string{filepath.Join(dir, "pack")},
		Output: filepath.Join(dir, "image"), Scratch: dir, Events: printer{},
	}
	f, err := os.Create(req.TreePath)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	_, err = t.WriteTo(io.MultiWriter(f, sum))
	req.TreeDigest = fmt.Sprintf("sha256:%x", sum.Sum(nil))
	return req, errors.Join(err, f.Close(), os.WriteFile(req.PackPaths[0], []byte(content), 0o600))
}

// withHello calls do with such a request.
func withHello(do func(*sdk.Request) error) error {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	req, err := helloRequest(dir)
	if err != nil {
		return err
	}
	return errors.Join(do(req), req.Close())
}

// A builder ranges over the tree, and reads or copies what it needs.
func ExampleRequest() {
	err := withHello(func(req *sdk.Request) error {
		t, err := req.Tree()
		if err != nil {
			return err
		}
		for i := range t.Entries {
			e := &t.Entries[i]
			fmt.Printf("/%s: %s, %04o\n", e.Path, e.Type, e.Mode)
			if e.Type != tree.Regular {
				continue
			}
			content, err := req.Open(e)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(content)
			if err != nil {
				return err
			}
			fmt.Printf("%s", text)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// /: directory, 0755
	// /hello: file, 0644
	// hello, world
	// <nil>
}

// Contents are copied into an image by the kernel where that can be, at any
// place; holes stay holes.
func ExampleRequest_Copy() {
	err := withHello(func(req *sdk.Request) error {
		t, err := req.Tree()
		if err != nil {
			return err
		}
		image, err := os.Create(req.Output)
		if err != nil {
			return err
		}
		defer image.Close()
		if err := req.Copy(context.Background(), image, 4096, t.Lookup("hello")); err != nil {
			return err
		}
		fi, err := image.Stat()
		if err != nil {
			return err
		}
		fmt.Println(fi.Size())
		return nil
	})
	fmt.Println(err)
	// Output:
	// 4109
	// <nil>
}

// What a builder tells arrives at the Events of whoever runs it.
func ExampleEvents() {
	req := &sdk.Request{Events: printer{}}
	req.Log(sdk.LogInfo, "block size %d", 4096)
	req.Progress(sdk.Progress{Phase: "writing", Done: 1, Total: 2, Unit: "files"})
	req.Lose(sdk.Loss{Path: "dev/null", Field: "device", Why: "the format has no devices"})
	// Output:
	// log: block size 4096
	// writing 1 of 2 files
	// lost: device
}

func ExampleProgress() {
	req := &sdk.Request{Events: printer{}}
	for done := range int64(3) {
		req.Progress(sdk.Progress{Phase: "writing", Done: done + 1, Total: 3, Unit: "inodes"})
	}
	// Output:
	// writing 1 of 3 inodes
	// writing 2 of 3 inodes
	// writing 3 of 3 inodes
}

// levels is Events that tells how much a line weighs.
type levels struct{ printer }

func (levels) Log(level sdk.LogLevel, text string) {
	fmt.Println(map[sdk.LogLevel]string{sdk.LogDebug: "debug", sdk.LogInfo: "info", sdk.LogWarn: "warning"}[level]+":", text)
}

func ExampleLogLevel() {
	req := &sdk.Request{Events: levels{}}
	req.Log(sdk.LogDebug, "mkfs says: done")
	req.Log(sdk.LogWarn, "the image is nearly full")
	// Output:
	// debug: mkfs says: done
	// warning: the image is nearly full
}

// foreign is a builder without the SDK: it serves builder.proto itself.
type foreign struct{ pb.UnimplementedBuilderServer }

func (foreign) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return &pb.DescribeResponse{Name: "foreign", Input: pb.Input_INPUT_TAR}, nil
}

// A client is the host's side: it speaks to a builder in whatever language.
func ExampleClient() {
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	defer server.Stop()
	pb.RegisterBuilderServer(server, foreign{})
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:builder",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	d, err := sdk.NewClient(conn).Describe(context.Background())
	fmt.Println(d.Name, d.Input, err)
	// Output: foreign tar <nil>
}
