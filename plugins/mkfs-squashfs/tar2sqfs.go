package mkfssquashfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"banger/plugins/internal/child"
	"banger/sdk"
	"banger/sdk/tree"
	"banger/sdk/treetar"
)

const (
	toolName = "tar2sqfs"
	toolHint = "install squashfs-tools-ng"

	// grace is how long the streams of a killed program may stay open.
	grace = 2 * time.Second
	// maxOutput bounds what is kept of what it prints, in bytes.
	maxOutput = 4 << 10
)

var errFailed = errors.New(toolName + " failed")

// environment has tar2sqfs depend on nothing of the host: SOURCE_DATE_EPOCH is
// the time of the image itself.
var environment = []string{"LC_ALL=C", "TZ=UTC", "PATH=/usr/bin:/bin", "SOURCE_DATE_EPOCH=0"}

func describeTool(ctx context.Context) sdk.Tool {
	t := sdk.Tool{Name: toolName, Hint: toolHint}
	path, err := exec.LookPath(toolName)
	if err != nil {
		return t
	}
	if t.Path, err = filepath.Abs(path); err != nil {
		return t
	}
	cmd := exec.CommandContext(ctx, t.Path, "--version")
	cmd.Env = environment
	out, _ := cmd.Output() // a tool that does not say its version has none
	line, _, _ := strings.Cut(string(out), "\n")
	t.Version = strings.TrimSpace(line) // "tar2sqfs (squashfs-tools-ng) 1.2.0"
	return t
}

// pack has tar2sqfs make the image of the tar that is written meanwhile.
func pack(ctx context.Context, req *sdk.Request, t *tree.Tree) error {
	path, err := exec.LookPath(toolName)
	if err != nil {
		return err
	}
	// The kernel sends the death signal when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, path, arguments(req)...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = environment, req.Scratch, grace
	child.DieWithParent(cmd)
	var printed bytes.Buffer
	cmd.Stdout = &bounded{to: &printed}
	cmd.Stderr = cmd.Stdout
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() { written <- write(ctx, req, stdin, t) }()
	waitErr := cmd.Wait()
	writeErr := <-written
	return explain(ctx, waitErr, writeErr, printed.String())
}

func write(ctx context.Context, req *sdk.Request, to io.WriteCloser, t *tree.Tree) error {
	return errors.Join(treetar.Write(ctx, &meter{w: to, req: req, total: t.Usage(1).Data}, t, req.Packs()), to.Close())
}

func arguments(req *sdk.Request) []string {
	return []string{
		"--quiet", "--no-skip", "--num-jobs", strconv.Itoa(runtime.GOMAXPROCS(0)),
		"--compressor", req.Options.String("compression"), "--block-size", strconv.FormatInt(req.Options.Size("block-size"), 10),
		req.Output,
	}
}

// explain tells which of the two ends of the pipe failed first: the program
// when it ended with a complaint, else the writer.
func explain(ctx context.Context, wait, write error, printed string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(write, treetar.ErrContent) {
		return write
	}
	if wait != nil {
		return fmt.Errorf("%w: %w: %s", errFailed, wait, strings.TrimSpace(printed))
	}
	if write != nil {
		return write
	}
	if printed != "" { // it skips what it does not understand, and ends well
		return fmt.Errorf("%w: %s", errFailed, strings.TrimSpace(printed))
	}
	return nil
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ to *bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.to.Write(p[:min(len(p), maxOutput-b.to.Len())])
	return len(p), nil
}

// meter reports how much has been written.
type meter struct {
	w           io.Writer
	req         *sdk.Request
	done, total int64
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.done += int64(n)
	m.req.Progress(sdk.Progress{Phase: "packing", Done: min(m.done, m.total), Total: m.total, Unit: "bytes"})
	return n, err
}
