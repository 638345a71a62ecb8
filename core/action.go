package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/core/stage"
	"banger/sdk"
)

// buildPreimage is the question whose answer is an artifact: everything that
// the bytes of an image depend on, and nothing else. Its canonical JSON is
// hashed to the action's key.
type buildPreimage struct {
	Kind     string            `json:"kind"` // "build"
	Manifest digest.Digest     `json:"manifest"`
	Flatten  flattenInputs     `json:"flatten"`
	Builder  string            `json:"builder"` // host.Builder.Identity
	Protocol int               `json:"protocol"`
	Tools    map[string]string `json:"tools"` // versions by name
	Options  sdk.Options       `json:"options"`
	Size     sizeInputs        `json:"size"`
	Staging  int               `json:"staging"` // stage.Revision, for builders that take a directory
	// Embed is the run config that is put into the image, if any.
	Embed *embedInputs `json:"embed,omitempty"`
	// Runner is who runs the build, where the result depends on that.
	Runner *stage.Capabilities `json:"runner,omitempty"`
}

type sizeInputs struct {
	Bytes       int64 `json:"bytes"`
	FreeBytes   int64 `json:"free_bytes"`
	FreePercent int   `json:"free_percent"`
	Inodes      int64 `json:"inodes"`
}

// question is a build's key and what it was made of.
type question struct {
	key      digest.Digest
	preimage json.RawMessage
}

// ask makes the action key of a build whose options are checked.
// runner finds who runs the build, if that matters.
func (e *Engine) ask(b *host.Builder, manifest digest.Digest, o BuildOptions, runner func() (*stage.Capabilities, error)) (*question, error) {
	p := buildPreimage{
		Kind:     "build",
		Manifest: manifest,
		Flatten:  inputsOf(o.Image),
		Builder:  b.Identity,
		Protocol: sdk.ProtocolVersion,
		Tools:    make(map[string]string),
		Options:  o.Options,
		Size:     sizeInputs(o.Size),
		Embed:    embedInputsOf(o.Image),
	}
	for _, t := range b.Description.Tools {
		p.Tools[t.Name] = t.Version
	}
	if b.Description.Input == sdk.InputDir {
		if err := stage.Available(); err != nil {
			return nil, err
		}
		p.Staging = stage.Revision
	}
	var err error
	if b.Description.PrivilegeDependent {
		if p.Runner, err = runner(); err != nil {
			return nil, err
		}
	}
	q := &question{}
	if q.key, q.preimage, err = cas.ActionKey(p); err != nil {
		return nil, fmt.Errorf("make action key: %w", err)
	}
	return q, nil
}

// probe finds what staging can do here for this process. A store that cannot
// be written has nothing staged in it: then looking is enough.
func (e *Engine) probe() (*stage.Capabilities, error) {
	dir, remove, err := e.Store.TempDir("probe")
	if errors.Is(err, cas.ErrReadOnly) || errors.Is(err, cas.ErrNoSpace) {
		return e.look()
	}
	if err != nil {
		return nil, fmt.Errorf("probe staging: %w", err)
	}
	defer remove()
	c, err := stage.Probe(dir)
	if err != nil {
		return nil, fmt.Errorf("probe staging: %w", err)
	}
	return &c, nil
}

// look is probe for those who leave no trace.
func (e *Engine) look() (*stage.Capabilities, error) {
	c, err := stage.Look(e.storePlace(), e.TempDir)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// DescribeCache keeps builders' descriptions in a store, so that a build that
// has been made before starts no builder.
func DescribeCache(s *cas.Store) host.Cache { return describeCache{s} }

type describeCache struct{ store *cas.Store }

type describePreimage struct {
	Kind string `json:"kind"` // "describe"
	Key  string `json:"key"`
}

// Get implements host.Cache.
func (c describeCache) Get(_ context.Context, key string) ([]byte, bool) {
	k, _, err := cas.ActionKey(describePreimage{"describe", key})
	if err != nil {
		return nil, false
	}
	a, err := c.store.Action(k)
	return a.Result, err == nil
}

// Put implements host.Cache. What cannot be kept is asked again next time.
func (c describeCache) Put(ctx context.Context, key string, value []byte) {
	k, preimage, err := cas.ActionKey(describePreimage{"describe", key})
	if err != nil {
		return
	}
	_ = c.store.PutAction(ctx, cas.Action{Key: k, Preimage: preimage, Result: value})
}
