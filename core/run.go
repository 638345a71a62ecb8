package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/core/stage"
	"banger/sdk"
	"banger/sdk/tree"
)

// run has the builder make an artifact of t and commits it.
func (e *Engine) run(ctx context.Context, b *host.Builder, t *flattened, o BuildOptions) (cas.Artifact, *recorder, error) {
	w, err := e.Store.NewArtifact()
	if err != nil {
		return cas.Artifact{}, nil, fmt.Errorf("make artifact: %w", err)
	}
	defer w.Abort()
	dir, remove, err := e.Store.TempDir("build")
	if err != nil {
		return cas.Artifact{}, nil, fmt.Errorf("make scratch directory: %w", err)
	}
	defer remove()
	rec := &recorder{events: e.Events, builder: b.Name}
	defer rec.finish()
	req := &sdk.Request{
		TreeDigest: t.digest.String(), Options: o.Options, Size: o.Size,
		Output: w.Path(), Scratch: filepath.Join(dir, "scratch"), Events: rec,
	}
	if o.Output != "" && b.Description.Input == sdk.InputTree {
		req.BodiesPath = filepath.Join(dir, "bodies")
	}
	if err := os.Mkdir(req.Scratch, 0o700); err != nil {
		return cas.Artifact{}, nil, fmt.Errorf("make scratch directory: %w", err)
	}
	f, err := e.Store.OpenBlob(t.digest)
	if err != nil {
		return cas.Artifact{}, nil, fmt.Errorf("open tree: %w", err)
	}
	defer f.Close()
	req.TreePath = f.Name()
	if err := e.feed(ctx, b, t.Tree, req, dir); err != nil {
		return cas.Artifact{}, nil, err
	}
	bodies, err := e.bodies(ctx, b, t, req)
	if err != nil {
		return cas.Artifact{}, nil, err
	}
	if err := e.unmeddled(ctx, b, t); err != nil {
		return cas.Artifact{}, nil, err
	}
	remove() // before the image is synced, so that what was staged never has to reach the disk
	rec.finish()
	defer e.task("store")()
	a, err := w.CommitWithout(ctx, b.Description.MediaType, bodies, nil)
	if err != nil {
		return cas.Artifact{}, nil, fmt.Errorf("keep artifact: %w", err)
	}
	return a, rec, nil
}

// bodies are what the image lacks that the builder has left. An image that
// stays in the store has a path there, and so lacks nothing.
func (e *Engine) bodies(ctx context.Context, b *host.Builder, t *flattened, req *sdk.Request) (cas.Bodies, error) {
	list, err := e.Host.Bodies(ctx, b, req)
	if err != nil || len(list) == 0 {
		return cas.Bodies{}, err
	}
	bodies := cas.Bodies{List: make([]cas.Body, len(list))}
	for i, x := range list {
		bodies.List[i] = cas.Body(x)
	}
	for _, l := range t.Layers {
		bodies.Layers = append(bodies.Layers, digest.Digest(l))
	}
	return bodies, nil
}

// feed gives the builder the tree's contents in the form it wants and runs it.
func (e *Engine) feed(ctx context.Context, b *host.Builder, t *tree.Tree, req *sdk.Request, dir string) error {
	packs, err := newPacks(e.Store, t)
	if err != nil {
		return err
	}
	defer packs.Close()
	switch b.Description.Input {
	case sdk.InputDir:
		if err := e.stage(ctx, b, t, packs, req, dir); err != nil {
			return err
		}
		return e.Host.Build(ctx, b, req)
	case sdk.InputTar:
		return e.buildFromTar(ctx, b, t, packs, req, dir)
	default:
		req.PackPaths = packs.paths
		return e.Host.Build(ctx, b, req)
	}
}

// stage lays the tree out below dir and notes what could not be.
func (e *Engine) stage(ctx context.Context, b *host.Builder, t *tree.Tree, packs tree.Packs, req *sdk.Request, dir string) error {
	const task = "staging"
	defer e.Events.Progress(Progress{Task: task, Finished: true})
	req.Dir = filepath.Join(dir, "root")
	if err := os.Mkdir(req.Dir, 0o700); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	losses, err := stage.Dir(ctx, t, packs, req.Dir, b.Description.Staging, func(done, total int64) {
		e.Events.Progress(Progress{Task: task, Done: done, Total: total, Unit: "bytes"})
	})
	if err != nil {
		return cas.Classify(err)
	}
	if len(losses) == 0 {
		return nil
	}
	req.StagingLossesPath = filepath.Join(dir, "losses")
	f, err := os.Create(req.StagingLossesPath)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if err := sdk.WriteLosses(f, losses); err != nil {
		_ = f.Close()
		return fmt.Errorf("stage: %w", err)
	}
	return f.Close()
}

// recorder passes on what a builder says and keeps its losses and warnings.
type recorder struct {
	events  Events
	builder string

	mu       sync.Mutex
	losses   []sdk.Loss
	warnings []string
	phase    string // the task of the builder's phase, "" before the first
}

// maxWarnings bounds the warnings that are kept with an answer.
const maxWarnings = 100

// Log implements sdk.Events.
func (r *recorder) Log(level sdk.LogLevel, text string) {
	r.events.Log(level, r.builder+": "+text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if level == sdk.LogWarn && len(r.warnings) < maxWarnings {
		r.warnings = append(r.warnings, r.builder+": "+text)
	}
}

// Progress implements sdk.Events.
func (r *recorder) Progress(p sdk.Progress) {
	task := r.builder + ": " + p.Phase
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase != task {
		r.endPhase()
	}
	r.phase = task
	r.events.Progress(Progress{Task: task, Done: p.Done, Total: p.Total, Unit: p.Unit})
}

// Lose implements sdk.Events.
func (r *recorder) Lose(losses []sdk.Loss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses = append(r.losses, losses...)
}

// finish ends the builder's last phase.
func (r *recorder) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endPhase()
}

func (r *recorder) endPhase() {
	if r.phase != "" {
		r.events.Progress(Progress{Task: r.phase, Finished: true})
	}
	r.phase = ""
}
