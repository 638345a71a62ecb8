package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"banger/internal/hint"
	"banger/sdk"
)

// Build has b make the image that req asks for. req.Events receives what the
// builder says, cleaned and bounded, until Build returns; it must not block
// for long. When Build returns, the builder and everything it started are
// gone, and on success the image lies at req.Output and has passed the checks
// of its format; what it lacks, if req.BodiesPath lets it, is what [Host.Bodies]
// returns. After an error whatever lies there is worthless, and the
// caller's to remove, like Scratch.
//
// For InputTar the caller writes to the pipe at req.TarPath meanwhile.
//
// If ctx ends, the builder is asked to stop, and killed after two seconds;
// the error wraps the cause. A missing tool is ErrToolMissing, before
// anything is started; everything else that is the builder's fault wraps
// ErrBuilder.
func (h *Host) Build(ctx context.Context, b *Builder, req *sdk.Request) error {
	if err := ready(b, req); err != nil {
		return err
	}
	p, err := h.sameProgram(ctx, b)
	if err != nil {
		return failure(ctx, b, "start", err)
	}
	defer p.close()
	ev := &events{to: req.Events, lossMemory: h.limits.losses}
	s, err := h.open(ctx, b, p, work{dir: req.Scratch, temp: req.Scratch, log: ev})
	if err != nil {
		return err
	}
	size, err := s.build(ctx, req, ev)
	if err != nil {
		err = s.failure(ctx, "build", err)
	}
	endErr := s.end()
	if s.runner.proc.killed.Load() {
		ev.killed()
	}
	if endErr != nil && err == nil {
		err = failure(ctx, b, "end", endErr)
	}
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failure(ctx, b, "build", err)
	}
	if err := checkImage(req.Output, size, b.Description.MediaType); err != nil {
		return failure(ctx, b, "build", err)
	}
	return nil
}

// ready checks what can be checked before anything is started.
func ready(b *Builder, req *sdk.Request) error {
	if missing := b.MissingTools(); len(missing) > 0 {
		return toolMissing(b.Name, missing[0])
	}
	if fi, err := os.Stat(req.Scratch); err != nil || !fi.IsDir() || !filepath.IsAbs(req.Scratch) {
		return fmt.Errorf("builder %s: scratch %q is no directory with an absolute path", b.Name, req.Scratch)
	}
	if _, err := os.Lstat(req.Output); !errors.Is(err, fs.ErrNotExist) || !filepath.IsAbs(req.Output) {
		return fmt.Errorf("builder %s: output %q must be an absolute path where nothing is", b.Name, req.Output)
	}
	return nil
}

// sameProgram opens the file of a builder that was found, if it still has the
// bytes that it had: they are hashed again, and it is these that run. A bundled
// builder is the file that this process runs, which nobody can write to.
func (h *Host) sameProgram(ctx context.Context, b *Builder) (*program, error) {
	p, err := h.openProgram(b)
	if err != nil {
		return nil, err
	}
	var d digest.Digest
	same := p.id.sameFile(b.file)
	if !b.Bundled {
		d, err = p.load(ctx, h.cfg.TempDir)
		same = d == b.Digest
	}
	if err == nil && !same {
		err = changed()
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func toolMissing(builder string, t sdk.Tool) error {
	err := fmt.Errorf("builder %s needs %s: %w", builder, t.Name, ErrToolMissing)
	if t.Hint == "" {
		return err
	}
	return hint.With(err, t.Hint)
}

// withEvents returns req with another Events.
func withEvents(req *sdk.Request, ev sdk.Events) *sdk.Request {
	return &sdk.Request{
		TreePath: req.TreePath, TreeDigest: req.TreeDigest,
		PackPaths: req.PackPaths, Dir: req.Dir, TarPath: req.TarPath,
		StagingLossesPath: req.StagingLossesPath,
		Options:           req.Options, Size: req.Size,
		Output: req.Output, Scratch: req.Scratch,
		BodiesPath: req.BodiesPath,
		Events:     ev,
	}
}

// build runs the call. A connection can outlive its process, in a child that
// has it too: then the call ends a moment after the process.
func (s *session) build(ctx context.Context, req *sdk.Request, ev *events) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	defer close(done)
	defer cancel(nil)
	go func() {
		select {
		case <-s.runner.proc.exited:
			wait(done, s.host.limits.die)
			cancel(errLost)
		case <-done:
		}
	}()
	ev.giveUp = cancel
	size, err := s.client.Build(ctx, withEvents(req, ev))
	if cause := context.Cause(ctx); cause != nil && (err != nil || !errors.Is(cause, errLost)) {
		err = cause
	}
	return size, err
}
