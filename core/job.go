package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"banger/cas"
	"banger/core/host"
	"banger/sdk"
)

// job is one run of a builder: its places in the store, what it says, and its
// process, which is launched while its input is still being made.
type job struct {
	*recorder
	o        BuildOptions
	builder  *host.Builder
	artifact cas.ArtifactWriter
	dir      string // private, with its scratch
	req      *sdk.Request

	remove   func() // dir
	stop     context.CancelFunc
	launched chan struct{} // closed when one of these is set
	process  *host.Launched
	err      error

	placed func(size int64) // begins the user's file with what the builder has placed

	image cas.Artifact // once it is committed
	out   *cas.Output  // the user's file, begun or filled; nil if there is none
}

// newJob makes the places of a job and begins to launch its builder. The
// caller closes the job.
func (e *Engine) newJob(ctx context.Context, b *host.Builder, o BuildOptions) (*job, error) {
	w, err := e.Store.NewArtifact()
	if err != nil {
		return nil, fmt.Errorf("make artifact: %w", err)
	}
	j := &job{recorder: &recorder{events: e.Events, name: b.Name}, o: o, builder: b, artifact: w, launched: make(chan struct{})}
	if j.dir, j.remove, err = e.Store.TempDir("build"); err != nil {
		w.Abort()
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	j.req = &sdk.Request{Options: o.Options, Size: o.Size, Output: w.Path(), Scratch: filepath.Join(j.dir, "scratch"), Events: j}
	if o.Output != "" && b.Description.Input == sdk.InputTree {
		j.req.BodiesPath = filepath.Join(j.dir, "bodies")
	}
	if err := os.Mkdir(j.req.Scratch, 0o700); err != nil {
		j.remove()
		w.Abort()
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	ctx, j.stop = context.WithCancel(ctx)
	go func() {
		defer close(j.launched)
		j.process, j.err = e.Host.Launch(ctx, b, j.req)
	}()
	return j, nil
}

// build has the builder build, once the request is complete.
func (j *job) build(ctx context.Context) error {
	<-j.launched
	if j.err != nil {
		return j.err
	}
	return j.process.Build(ctx)
}

// Placed implements sdk.Events.
func (j *job) Placed(size int64) { j.placed(size) }

// begin begins to fill the user's file while the builder is at work.
func (j *job) begin(ctx context.Context, s *cas.Store, size int64, bodies cas.Bodies) {
	j.out = j.newOutput(s)
	j.out.Begin(ctx, size, bodies)
}

func (j *job) newOutput(s *cas.Store) *cas.Output {
	return s.NewOutput(j.o.Output, cas.CopyOptions{Fsync: j.o.Fsync})
}

// giveUp leaves nothing of the user's file.
func (j *job) giveUp() {
	if j.out != nil {
		j.out.Abort()
		j.out = nil
	}
}

// commit keeps the image in the store, and fills the user's file meanwhile. That
// has no name before the answer is kept, too.
func (j *job) commit(ctx context.Context, s *cas.Store, bodies cas.Bodies) (err error) {
	switch {
	case j.o.Strict && len(j.losses) > 0:
		j.giveUp()
	case j.o.Output != "" && j.out == nil:
		j.out = j.newOutput(s)
	}
	j.image, err = j.artifact.CommitWithout(ctx, j.builder.Description.MediaType, bodies, j.out)
	if err != nil {
		return fmt.Errorf("keep artifact: %w", err)
	}
	return nil
}

// close ends a builder that still runs, and removes what is not committed.
func (j *job) close() {
	j.stop()
	<-j.launched
	if j.process != nil {
		j.process.End()
	}
	j.finish()
	j.remove()
	j.artifact.Abort()
}
