// Package sdktest tells whether a builder keeps to what docs/builders.md asks
// of it. In a builder's own Go tests it is one line:
//
//	func TestConformance(t *testing.T) { sdktest.Test(t, builder{}, sdktest.Config{}) }
//
// "banger builders test PATH" does the same with a finished program, in
// whatever language, through banger's own host.
//
// Every check builds images of small golden trees and is reported by name. The
// kit knows no filesystem: what an image holds it compares with the tree if
// the image is a tar, or if [Config.Mount] says how to look into it; without
// that it believes the builder.
package sdktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"banger/sdk"
)

// Host runs a builder. Its methods keep to what core/host's do: when Build
// returns nil there is an image at req.Output, and nothing runs any more.
type Host interface {
	Describe(ctx context.Context) (sdk.Description, error)
	Build(ctx context.Context, req *sdk.Request) error
}

// Observer is implemented by the Events of the kit's requests, besides
// sdk.Events. A Host that can tell calls it.
type Observer interface {
	// Stdout takes a line that the builder printed to standard output after
	// its handshake.
	Stdout(line string)
	// Killed notes that the builder had to be killed: it did not end when it
	// was told to.
	Killed()
}

// Config says how to test.
type Config struct {
	// Dir is where images are built, in directories of their own that are
	// removed; "" takes the system's temporary directory.
	Dir string
	// Options are given to every build, for builders that cannot do without.
	Options map[string]string
	// Only names the checks to do, as Result.Name does, or with a trailing
	// slash a group of them; empty does all. What others need is always done.
	Only []string
	// Mount, if set, makes an image's contents visible as a directory, for
	// instance by mounting it, until done is called. Where it is nil only
	// tars are looked into.
	Mount func(ctx context.Context, image string) (dir string, done func() error, err error)
}

// Result is what one check found.
type Result struct {
	Name string // "describe", "tree/links", "cancel", …
	// Err is nil for a check that passed.
	Err error
	// Skipped says why a check was not done; "" for one that was.
	Skipped string
	// Elsewhere: another user, or another machine, could do what was skipped.
	Elsewhere bool
	Took      time.Duration
}

// String returns the result in one line, or a few.
func (r Result) String() string {
	switch {
	case r.Skipped != "":
		return fmt.Sprintf("skip  %s: %s", r.Name, r.Skipped)
	case r.Err != nil:
		return fmt.Sprintf("FAIL  %s: %v", r.Name, r.Err)
	}
	return "ok    " + r.Name
}

// skip is the error of a check that is not done.
type skip struct {
	why       string
	elsewhere bool // it could be
}

func (s skip) Error() string { return s.why }

// Run does all checks and calls report after each. It returns whether every
// one passed or was skipped; the error is about the kit's own work, or the
// end of ctx.
func Run(ctx context.Context, h Host, c Config, report func(Result)) (passed bool, err error) {
	dir, err := os.MkdirTemp(c.Dir, "banger-sdktest-")
	if err != nil {
		return false, fmt.Errorf("make directory for images: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	k := &kit{host: h, config: c, dir: dir}
	passed = true
	for _, check := range allChecks() {
		if !check.vital && !c.wants(check.name) {
			continue
		}
		start := time.Now()
		r := Result{Name: check.name, Err: check.do(ctx, k), Took: time.Since(start)}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if s := (skip{}); errors.As(r.Err, &s) {
			r.Err, r.Skipped, r.Elsewhere = nil, s.why, s.elsewhere
		}
		passed = passed && r.Err == nil
		report(r)
		if check.vital && r.Err != nil {
			return false, nil
		}
	}
	return passed, nil
}

func (c *Config) wants(name string) bool {
	return len(c.Only) == 0 || slices.ContainsFunc(c.Only, func(only string) bool {
		return name == only || strings.HasSuffix(only, "/") && strings.HasPrefix(name, only)
	})
}

// Test does all checks of b, in this process, each as a subtest.
func Test(t *testing.T, b sdk.Builder, c Config) {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	_, err := Run(t.Context(), InProcess(b), c, func(r Result) {
		t.Run(r.Name, func(t *testing.T) {
			switch {
			case r.Elsewhere:
				t.Skip(r.Skipped)
			case r.Skipped != "":
				t.Log(r.Skipped)
			case r.Err != nil:
				t.Error(r.Err)
			}
		})
	})
	if err != nil {
		t.Error(err)
	}
}
