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

// Build is [Host.Launch] and [Launched.Build] for a request that is complete.
func (h *Host) Build(ctx context.Context, b *Builder, req *sdk.Request) error {
	l, err := h.Launch(ctx, b, req)
	if err != nil {
		return err
	}
	return l.Build(ctx)
}

// Launched is a builder that runs and waits for its one build. It ends with
// Build or End.
type Launched struct {
	host    *Host
	builder *Builder
	req     *sdk.Request
	events  *events
	session *session
	program *program
	early   *placed // what the builder has placed before its image is there
}

// Launch starts b for the build of req, and returns when it answers. Of req it
// wants Scratch and Events; the rest is the caller's to fill in until Build.
// req.Events receives what the builder says, cleaned and bounded, until Build
// or End returns; it must not block for long. The builder lives no longer than
// ctx. A missing tool is ErrToolMissing, before anything is started; everything
// else that is the builder's fault wraps ErrBuilder.
func (h *Host) Launch(ctx context.Context, b *Builder, req *sdk.Request) (*Launched, error) {
	if missing := b.MissingTools(); len(missing) > 0 {
		return nil, toolMissing(b.Name, missing[0])
	}
	if fi, err := os.Stat(req.Scratch); err != nil || !fi.IsDir() || !filepath.IsAbs(req.Scratch) {
		return nil, fmt.Errorf("builder %s: scratch %q is no directory with an absolute path", b.Name, req.Scratch)
	}
	p, err := h.sameProgram(ctx, b)
	if err != nil {
		return nil, failure(ctx, b, "start", err)
	}
	l := &Launched{host: h, builder: b, req: req, program: p, events: &events{to: req.Events, lossMemory: h.limits.losses}}
	l.events.placed = l.place
	if l.session, err = h.open(ctx, b, p, work{dir: req.Scratch, temp: req.Scratch, log: l.events}); err != nil {
		p.close()
		return nil, err
	}
	return l, nil
}

// Build has the builder make the image that the request asks for. When Build
// returns, the builder and everything it started are gone, and on success the
// image lies at req.Output and has passed the checks of its format; what it
// lacks, if req.BodiesPath lets it, is what [Launched.Bodies] returns. After an
// error whatever lies there is worthless, and the caller's to remove, like
// Scratch.
//
// For InputTar the caller writes to the pipe at req.TarPath meanwhile.
//
// If ctx ends, the builder is asked to stop, and killed after two seconds;
// the error wraps the cause. What is the builder's fault wraps ErrBuilder.
func (l *Launched) Build(ctx context.Context) error {
	size, err := l.build(ctx)
	endErr := l.end()
	if endErr != nil && err == nil {
		err = failure(ctx, l.builder, "end", endErr)
	}
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return failure(ctx, l.builder, "build", err)
	}
	if err := l.check(size); err != nil {
		return failure(ctx, l.builder, "build", err)
	}
	return nil
}

// check holds what the builder has left against its word.
func (l *Launched) check(size int64) error {
	if l.early != nil && l.early.size != size {
		return fmt.Errorf("the image has %d bytes, and it said %d before", size, l.early.size)
	}
	return checkImage(l.req.Output, size, l.builder.Description.MediaType)
}

func (l *Launched) build(ctx context.Context) (int64, error) {
	if _, err := os.Lstat(l.req.Output); !errors.Is(err, fs.ErrNotExist) || !filepath.IsAbs(l.req.Output) {
		return 0, fmt.Errorf("builder %s: output %q must be an absolute path where nothing is", l.builder.Name, l.req.Output)
	}
	size, err := l.session.build(ctx, l.req, l.events)
	if err != nil {
		err = l.session.failure(ctx, "build", err)
	}
	return size, err
}

// End ends a builder that is not to build after all. When it returns, the
// builder and everything it started are gone. It does nothing after Build, so
// it can be deferred.
func (l *Launched) End() { _ = l.end() }

func (l *Launched) end() error {
	if l.program == nil {
		return nil
	}
	err := l.session.end()
	if l.session.runner.proc.killed.Load() {
		l.events.killed()
	}
	l.program.close()
	l.program = nil
	return err
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
