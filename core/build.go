package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/internal/hint"
	"banger/sdk"
)

// DefaultFreePercent is the room that an image has left after its content,
// in percent of the content, unless the user says otherwise.
const DefaultFreePercent = 20

// ErrLosses is wrapped by the error of a strict build that lost something.
var ErrLosses = errors.New("the builder could not keep everything")

// ErrOutput is wrapped by errors about the user's own file, as distinct from
// the store's.
var ErrOutput = errors.New("write output")

// BuildOptions say what to build and where it goes.
type BuildOptions struct {
	Image   Image
	Builder string            // its name; see host.Host.Find
	Options map[string]string // the builder's own
	Size    sdk.SizePlan
	// Output is the file that becomes a copy of the artifact; "" leaves it in
	// the store.
	Output string
	// NoCache builds even if the answer is known, and replaces it.
	NoCache bool
	// Strict makes any loss an error, after which there is no output.
	Strict bool
	// Fsync makes Output durable before Build returns.
	Fsync bool
}

// BuildResult says what was built, or was found built.
type BuildResult struct {
	Ref       string
	Manifest  digest.Digest
	Action    digest.Digest // the key that it is kept under
	Cached    bool          // found built: no builder was started
	Artifact  digest.Digest
	MediaType string
	Path      string // BuildOptions.Output, or the image's path in the store
	Size      int64  // of the image in bytes
	Builder   BuilderRef
	Losses    []sdk.Loss // what the image does not hold of the tree
	Warnings  []string
	Run       RunConfig // how the image wants to be run
}

// BuilderRef names the builder of an artifact with its tools.
type BuilderRef struct {
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Identity string            `json:"identity"`
	Tools    map[string]string `json:"tools"`
	// Varies: equal input may give other bytes, by the builder's own word.
	Varies bool `json:"varies,omitempty"`
}

// buildAnswer is what the store keeps with a built artifact.
type buildAnswer struct {
	Ref       string        `json:"image"`
	Builder   BuilderRef    `json:"builder"`
	Tree      digest.Digest `json:"tree"`
	Size      int64         `json:"size"`
	LossCount int           `json:"losses"`
	LossBlob  digest.Digest `json:"loss_blob,omitempty"`
	Warnings  []string      `json:"warnings,omitempty"`
	Millis    int64         `json:"milliseconds"`
	Needs     *needs        `json:"needs"`
}

// Build makes the image of o.Image with o.Builder, or finds it made. A second
// build of the same manifest, builder and options starts no builder and reads
// no layer. After an error there is no new output, and an older file at
// Output is as it was; a strict build's error wraps ErrLosses and comes with
// a result that lists the losses.
func (e *Engine) Build(ctx context.Context, o BuildOptions) (*BuildResult, error) {
	if err := CheckOutput(o.Output); err != nil {
		return nil, err
	}
	b, err := e.Host.Find(ctx, o.Builder)
	if err != nil {
		return nil, err
	}
	if text := b.Hides(); text != "" {
		e.Events.Log(sdk.LogWarn, text)
	}
	if o.Options, err = b.Check(o.Options, o.Size); err != nil {
		return nil, err
	}
	src, err := e.open(ctx, o.Image)
	if err != nil {
		return nil, err
	}
	defer src.close()
	run, err := runConfig(ctx, src)
	if err != nil {
		return nil, err
	}
	q, err := e.ask(b, src.Manifest().Digest, o, e.probe)
	if err != nil {
		return nil, err
	}
	var res *BuildResult
	err = e.again(ctx, func() error {
		r, err := e.answer(ctx, src, b, q, o)
		if err != nil {
			return err
		}
		e.remember(ctx, src)
		r.Run = run
		res, err = e.deliver(ctx, r, o)
		return err
	})
	return res, err
}

// answered is a build's answer with its artifact.
type answered struct {
	BuildResult
	artifact cas.Artifact
	out      *cas.Output // the user's file, if it was filled while that was kept
}

// answer finds the artifact or makes it. Of several processes that want the
// same one, one makes it and the others wait.
func (e *Engine) answer(ctx context.Context, src *opened, b *host.Builder, q *question, o BuildOptions) (*answered, error) {
	if !o.NoCache {
		if r, err := e.known(ctx, src, q); r != nil || err != nil {
			return r, err
		}
	}
	unlock, err := e.lock(ctx, "action", q.key, "the same image")
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !o.NoCache {
		if r, err := e.known(ctx, src, q); r != nil || err != nil {
			return r, err
		}
	}
	return e.produce(ctx, src, b, q, o)
}

// known returns the answer that the store has, or nil if there is none or it is
// beyond the limits: then making it fails, and says which.
func (e *Engine) known(ctx context.Context, src *opened, q *question) (*answered, error) {
	a, err := e.Store.Action(q.key)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // a miss
	}
	var ans buildAnswer
	if json.Unmarshal(a.Result, &ans) != nil || !e.suffice(ans.Needs) {
		return nil, nil //nolint:nilnil // a miss
	}
	artifact, err := e.soundArtifact(ctx, a.Artifact)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		e.Events.Log(sdk.LogWarn, err.Error()+": building it again")
		return nil, nil //nolint:nilnil // a miss
	}
	losses, err := e.readLosses(ans)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // a miss
	}
	r := newAnswered(src, q, artifact, ans, losses)
	r.Cached = true
	return r, nil
}

func newAnswered(src *opened, q *question, a cas.Artifact, ans buildAnswer, losses []sdk.Loss) *answered {
	return &answered{BuildResult: BuildResult{
		Ref: src.Name(), Manifest: src.Manifest().Digest, Action: q.key,
		Artifact: a.Digest, MediaType: a.MediaType, Path: a.Path, Size: a.Size,
		Builder: ans.Builder, Losses: losses, Warnings: ans.Warnings,
	}, artifact: a}
}

// produce pulls, flattens, builds and keeps the answer. The action is written
// last, so it never names what is not there.
func (e *Engine) produce(ctx context.Context, src *opened, b *host.Builder, q *question, o BuildOptions) (*answered, error) {
	if err := toolsPresent(b); err != nil {
		return nil, err
	}
	start := time.Now()
	j, t, err := e.construct(ctx, src, b, o)
	if err != nil {
		return nil, err
	}
	ans := buildAnswer{
		Ref: src.Name(), Builder: RefOf(b), Tree: t.digest, Size: j.image.Size,
		LossCount: len(j.losses), Warnings: slices.Concat(t.warnings, j.warnings), Millis: time.Since(start).Milliseconds(),
		Needs: t.needs,
	}
	if err := e.keepAnswer(ctx, src, q, j, ans, start); err != nil {
		j.giveUp()
		return nil, err
	}
	r := newAnswered(src, q, j.image, ans, j.losses)
	r.out = j.out
	return r, nil
}

// keepAnswer writes the action of what j has made.
func (e *Engine) keepAnswer(ctx context.Context, src *opened, q *question, j *job, ans buildAnswer, start time.Time) (err error) {
	refs := []digest.Digest{src.Manifest().Digest, ans.Tree}
	if ans.LossBlob, err = e.keepLosses(ctx, j.losses); err != nil {
		return err
	}
	if ans.LossBlob != "" {
		refs = append(refs, ans.LossBlob)
	}
	result, err := json.Marshal(ans)
	if err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	a := cas.Action{Key: q.key, Preimage: q.preimage, Artifact: j.image.Digest, Blobs: refs, Result: result, Created: start.UTC()}
	if err := e.Store.PutAction(ctx, a); err != nil {
		return fmt.Errorf("keep answer: %w", err)
	}
	return nil
}

// construct pulls, flattens and runs the builder, which is launched when all
// is pulled.
func (e *Engine) construct(ctx context.Context, src *opened, b *host.Builder, o BuildOptions) (*job, *flattened, error) {
	var j *job
	entries := b.Description.Input != sdk.InputTree // such a builder reads them itself
	t, err := e.pullThenFlatten(ctx, src, o.Image, entries, func() (err error) {
		if j == nil {
			j, err = e.newJob(ctx, b, o)
		}
		return err
	})
	if j != nil {
		defer j.close()
	}
	if err != nil {
		return nil, nil, err
	}
	if err := e.run(ctx, j, t); err != nil {
		j.giveUp()
		return nil, nil, e.setAside(ctx, t, err)
	}
	return j, t, nil
}

// deliver holds a strict build to its word and makes the user's copy, or has
// the image whole in the store.
func (e *Engine) deliver(ctx context.Context, r *answered, o BuildOptions) (*BuildResult, error) {
	if r.Cached {
		e.warn(r.Warnings)
	}
	if n := len(r.Losses); o.Strict && n > 0 {
		err := fmt.Errorf("build %s with %s: %w: %d losses, first %s", r.Ref, r.Builder.Name, ErrLosses, n, r.Losses[0])
		return &r.BuildResult, hint.With(err, "see them with --losses FILE, take another builder, or leave out --strict")
	}
	if o.Output == "" {
		return &r.BuildResult, e.makeWhole(ctx, r)
	}
	defer e.task("copy")()
	var err error
	if r.out != nil {
		err = r.out.Commit(ctx)
	} else {
		err = e.Store.CopyOut(ctx, r.artifact, o.Output, cas.CopyOptions{Fsync: o.Fsync})
	}
	if errors.Is(err, cas.ErrNotFound) {
		return nil, err // the artifact was damaged or is gone
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOutput, err)
	}
	r.Path = o.Output
	return &r.BuildResult, nil
}

// CheckOutput refuses before the work what cannot become the user's file after
// it, as [cas.CheckOutput] finds out. The error wraps ErrOutput. An empty path
// is no file.
func CheckOutput(path string) error {
	if path == "" {
		return nil
	}
	if err := cas.CheckOutput(path); err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	}
	return nil
}

func toolsPresent(b *host.Builder) error {
	missing := b.MissingTools()
	if len(missing) == 0 {
		return nil
	}
	t := missing[0]
	err := fmt.Errorf("builder %s needs %s: %w", b.Name, t.Name, host.ErrToolMissing)
	return hint.With(err, t.Hint)
}

// RefOf names a builder as the results of builds do.
func RefOf(b *host.Builder) BuilderRef {
	r := BuilderRef{Name: b.Name, Version: b.Description.Version, Identity: b.Identity, Tools: make(map[string]string), Varies: !b.Description.Deterministic}
	for _, t := range b.Description.Tools {
		r.Tools[t.Name] = t.Version
	}
	return r
}
