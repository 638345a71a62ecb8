package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/stage"
	"banger/sdk"
	"banger/sdk/tree"
)

// run has the builder make an artifact of t and commits it.
func (e *Engine) run(ctx context.Context, j *job, t *flattened) error {
	f, err := e.Store.OpenBlob(t.digest)
	if err != nil {
		return fmt.Errorf("open tree: %w", err)
	}
	defer f.Close()
	j.req.TreePath, j.req.TreeDigest = f.Name(), t.digest.String()
	var bodies cas.Bodies
	j.placed = func(size int64) {
		early, err := e.bodies(ctx, j, t)
		if err == nil {
			bodies = early
			j.begin(ctx, e.Store, size, bodies)
		}
	}
	if err := e.feed(ctx, j, t.Tree); err != nil {
		return err
	}
	if len(bodies.List) == 0 {
		if bodies, err = e.bodies(ctx, j, t); err != nil {
			return err
		}
	}
	if err := e.unmeddled(ctx, j.builder, t); err != nil {
		return err
	}
	j.remove() // before the image is synced, so that what was staged never has to reach the disk
	j.finish()
	defer e.task("store")()
	return j.commit(ctx, e.Store, bodies)
}

// bodies are what the image lacks that the builder has left. An image that
// stays in the store has a path there, and so lacks nothing.
func (e *Engine) bodies(ctx context.Context, j *job, t *flattened) (cas.Bodies, error) {
	list, err := j.process.Bodies(ctx)
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

// feed gives the builder the tree's contents in the form it wants and has it
// build.
func (e *Engine) feed(ctx context.Context, j *job, t *tree.Tree) error {
	packs, err := newPacks(e.Store, t)
	if err != nil {
		return err
	}
	defer packs.Close()
	switch j.builder.Description.Input {
	case sdk.InputDir:
		if err := e.stage(ctx, j, t, packs); err != nil {
			return err
		}
	case sdk.InputTar:
		return buildFromTar(ctx, j, t, packs)
	default:
		j.req.PackPaths = packs.paths
	}
	return j.build(ctx)
}

// stage lays the tree out below the job's directory and notes what could not
// be.
func (e *Engine) stage(ctx context.Context, j *job, t *tree.Tree, packs tree.Packs) error {
	const task = "staging"
	defer e.Events.Progress(Progress{Task: task, Finished: true})
	j.req.Dir = filepath.Join(j.dir, "root")
	if err := os.Mkdir(j.req.Dir, 0o700); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	losses, err := stage.Dir(ctx, t, packs, j.req.Dir, j.builder.Description.Staging, func(done, total int64) {
		e.Events.Progress(Progress{Task: task, Done: done, Total: total, Unit: "bytes"})
	})
	if err != nil {
		return cas.Classify(err)
	}
	if len(losses) == 0 {
		return nil
	}
	j.req.StagingLossesPath = filepath.Join(j.dir, "losses")
	f, err := os.Create(j.req.StagingLossesPath)
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
	events Events
	name   string // the builder's

	mu       sync.Mutex
	losses   []sdk.Loss
	warnings []string
	phase    string // the task of the builder's phase, "" before the first
}

// maxWarnings bounds the warnings that are kept with an answer.
const maxWarnings = 100

// Log implements sdk.Events.
func (r *recorder) Log(level sdk.LogLevel, text string) {
	r.events.Log(level, r.name+": "+text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if level == sdk.LogWarn && len(r.warnings) < maxWarnings {
		r.warnings = append(r.warnings, r.name+": "+text)
	}
}

// Progress implements sdk.Events.
func (r *recorder) Progress(p sdk.Progress) {
	task := r.name + ": " + p.Phase
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
