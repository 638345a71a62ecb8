package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"banger/internal/hint"
	"banger/sdk"
)

// record is what the cache keeps of a builder. It is valid for as long as the
// builder's file, which its key names, and the tools are what they were.
type record struct {
	Digest      digest.Digest   `json:"digest,omitempty"`
	Description sdk.Description `json:"description"`
	Tools       []toolState     `json:"tools"`
}

// toolState is where a tool is found and which file that is. A tool that is
// not there has no path.
type toolState struct {
	Name  string `json:"name"`
	Found string `json:"found"` // on the tool path
	File  fileID `json:"file"`
	// Used is what the builder itself says it runs.
	Used     string `json:"used"`
	UsedFile fileID `json:"used_file"`
}

// describe fills in all of b but where it was found: from the cache, or by
// starting it.
func (h *Host) describe(ctx context.Context, b *Builder) error {
	p, err := h.openProgram(b)
	if err != nil {
		return failure(ctx, b, "find", err)
	}
	defer p.close()
	b.file = p.id
	key := h.cacheKey(b)
	r, ok := h.cached(ctx, key, b.Name)
	if !ok {
		if r, err = h.ask(ctx, b, p); err != nil {
			return err
		}
		h.keep(ctx, key, r)
	}
	b.Description, b.Digest = r.Description, r.Digest
	b.Identity = r.Digest.String()
	if b.Bundled {
		b.Identity = fmt.Sprintf("bundled:%s/%d", b.Name, r.Description.Revision)
		return h.checkRevision(b)
	}
	if err := h.cfg.Lock.check(b, r.Digest); err != nil {
		return failure(ctx, b, "find", err)
	}
	h.recognize(ctx, b)
	return nil
}

func (h *Host) checkRevision(b *Builder) error {
	want, got := h.cfg.Bundled[b.Name].Revision, b.Description.Revision
	if want == 0 || want == got {
		return nil
	}
	err := fmt.Errorf("%s has been replaced: it has revision %d of the builder, this process %d", b.Path, got, want)
	return hint.With(&Error{Builder: b.Name, Op: "find", Err: err}, "run the command again")
}

// ask has the builder describe itself: started, or within this process.
func (h *Host) ask(ctx context.Context, b *Builder, p *program) (r *record, err error) {
	r = &record{}
	if !b.Bundled {
		if r.Digest, err = h.loadSettled(ctx, p); err != nil {
			return nil, failure(ctx, b, "find", err)
		}
		if err := h.cfg.Lock.check(b, r.Digest); err != nil {
			return nil, failure(ctx, b, "find", err)
		}
	}
	if describe := h.cfg.Bundled[b.Name].Describe; b.Bundled && describe != nil {
		if r.Description, err = h.askIn(ctx, b, describe); err != nil {
			err = failure(ctx, b, "describe", err)
		}
	} else {
		r.Description, err = h.askProcess(ctx, b, p)
	}
	if err != nil {
		return nil, err
	}
	r.Tools = h.toolStates(r.Description.Tools)
	return r, nil
}

func (h *Host) askProcess(ctx context.Context, b *Builder, p *program) (d sdk.Description, err error) {
	s, err := h.open(ctx, b, p, work{dir: "/", temp: h.cfg.TempDir})
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if d, err = h.askIn(ctx, b, s.client.Describe); err != nil {
		return d, s.failure(ctx, "describe", err)
	}
	return d, nil
}

// askIn asks within the time that there is for it, and checks the answer.
func (h *Host) askIn(ctx context.Context, b *Builder, describe func(context.Context) (sdk.Description, error)) (sdk.Description, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limits.describe)
	defer cancel()
	d, err := describe(ctx)
	if ctx.Err() != nil {
		err = errSlow
	}
	if err == nil {
		err = checkDescription(b.Name, &d)
	}
	return d, err
}

// loadSettled loads a program whose digest is to be kept under the id of its
// file.
func (h *Host) loadSettled(ctx context.Context, p *program) (digest.Digest, error) {
	if err := p.settle(ctx); err != nil {
		return "", err
	}
	d, err := p.load(ctx, h.cfg.TempDir)
	if err != nil {
		return "", err
	}
	return d, p.unchanged()
}

// cacheKey names everything that a description depends on but the tools.
func (h *Host) cacheKey(b *Builder) string {
	text, err := json.Marshal(struct {
		Format     int
		Name, Path string
		Args       []string
		Bundled    bool
		File       fileID
		ToolPath   string
	}{3, b.Name, b.Path, b.args, b.Bundled, b.file, h.cfg.ToolPath})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return "builder-" + hex.EncodeToString(sum[:])
}

// cached returns the record of key if it is there and still true. What a
// cache holds is checked like what a builder says.
func (h *Host) cached(ctx context.Context, key, name string) (*record, bool) {
	if h.cfg.Cache == nil {
		return nil, false
	}
	text, ok := h.cfg.Cache.Get(ctx, key)
	if !ok {
		return nil, false
	}
	r := &record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, false
	}
	if r.Digest != "" && r.Digest.Validate() != nil || checkDescription(name, &r.Description) != nil {
		return nil, false
	}
	return r, slices.Equal(r.Tools, h.toolStates(r.Description.Tools))
}

func (h *Host) keep(ctx context.Context, key string, r *record) {
	if h.cfg.Cache == nil {
		return
	}
	if text, err := json.Marshal(r); err == nil {
		h.cfg.Cache.Put(ctx, key, text)
	}
}

func (h *Host) toolStates(tools []sdk.Tool) []toolState {
	var states []toolState
	for _, t := range tools {
		s := toolState{Name: t.Name, Found: lookTool(h.cfg.ToolPath, t.Name), Used: t.Path}
		if s.Found != "" {
			s.File, _ = identify(s.Found) // gone again: the zero fileID says so
		}
		if s.Used != "" {
			s.UsedFile, _ = identify(s.Used)
		}
		states = append(states, s)
	}
	return states
}
