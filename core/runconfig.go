package core

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"

	"banger/core/source"
)

// runConfigVersion is the version of the JSON form of a RunConfig. It goes up
// when its meaning changes, or the bytes for an equal image.
const runConfigVersion = 1

// RunConfig says how an image wants to be run, in a form of its own that is
// neither Docker's nor any hypervisor's; docs/json.md describes it. It
// depends on the manifest alone, so equal manifests give equal bytes.
type RunConfig struct {
	Version      int               `json:"version"`
	Manifest     digest.Digest     `json:"manifest"`
	OS           string            `json:"os"`
	Architecture string            `json:"architecture"`
	Variant      string            `json:"variant,omitempty"`
	Entrypoint   []string          `json:"entrypoint"`
	Cmd          []string          `json:"cmd"`
	Env          []string          `json:"env"` // NAME=VALUE
	User         string            `json:"user"`
	WorkingDir   string            `json:"working_dir"`
	StopSignal   string            `json:"stop_signal"`
	Ports        []string          `json:"ports"` // PORT/PROTOCOL
	Volumes      []string          `json:"volumes"`
	Labels       map[string]string `json:"labels"`
}

// imageConfig is what a RunConfig takes from an image's config (OCI image
// spec, config.md).
type imageConfig struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	Config       struct {
		Entrypoint, Cmd, Env         []string
		User, WorkingDir, StopSignal string
		ExposedPorts, Volumes        map[string]struct{}
		Labels                       map[string]string
	} `json:"config"`
	History []history `json:"history"`
}

// history is one step of an image's making.
type history struct {
	CreatedBy  string `json:"created_by"`
	EmptyLayer bool   `json:"empty_layer"`
}

func readImageConfig(ctx context.Context, src *opened) (*imageConfig, error) {
	raw, err := src.Config(ctx)
	if err != nil {
		return nil, err
	}
	var c imageConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("image %s: %w: config: %w", src.Name(), source.ErrInvalid, err)
	}
	return &c, nil
}

// runConfig reads how the image wants to be run.
func runConfig(ctx context.Context, src *opened) (RunConfig, error) {
	c, err := readImageConfig(ctx, src)
	if err != nil {
		return RunConfig{}, err
	}
	return RunConfig{
		Version: runConfigVersion, Manifest: src.Manifest().Digest,
		OS: c.OS, Architecture: c.Architecture, Variant: c.Variant,
		Entrypoint: list(c.Config.Entrypoint), Cmd: list(c.Config.Cmd), Env: list(c.Config.Env),
		User: c.Config.User, WorkingDir: cmp.Or(c.Config.WorkingDir, "/"), StopSignal: c.Config.StopSignal,
		Ports: keys(c.Config.ExposedPorts), Volumes: keys(c.Config.Volumes), Labels: labels(c.Config.Labels),
	}, nil
}

// list is l, and never null in JSON.
func list(l []string) []string { return append([]string{}, l...) }

func keys(m map[string]struct{}) []string { return list(slices.Sorted(maps.Keys(m))) }

func labels(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// Encode returns the document: indented JSON with a line break at its end.
func (c RunConfig) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("encode run config: %w", err)
	}
	return b.Bytes(), nil
}
