package core

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"banger/core/host"
	"banger/sdk"
	"banger/sdk/tree"
)

// placers are builders that say what they leave to banger before they write the
// rest of the image of buildLean; what they do in between is theirs.
var placers = map[string]func(ctx context.Context, req *sdk.Request, size int64) error{
	"places":       func(context.Context, *sdk.Request, int64) error { return nil },
	"places-fails": func(context.Context, *sdk.Request, int64) error { return errors.New("it can no more") },
	"places-dies": func(_ context.Context, req *sdk.Request, _ int64) error {
		untilHeard(req)
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	},
	"places-waits": func(ctx context.Context, _ *sdk.Request, _ int64) error {
		<-ctx.Done()
		return ctx.Err()
	},
	"places-twice": func(_ context.Context, req *sdk.Request, size int64) error { req.Events.Placed(size); return nil },
	"places-grows": func(_ context.Context, req *sdk.Request, size int64) error { return os.Truncate(req.Output, size+1) },
	"places-changes": func(_ context.Context, req *sdk.Request, _ int64) error {
		untilHeard(req)
		return writeBodies(req.BodiesPath, []sdk.Body{{Length: 3}})
	},
	"places-loses": func(_ context.Context, req *sdk.Request, _ int64) error {
		req.Lose(sdk.Loss{Path: "c", Field: "mode", Wanted: "0755", Why: "a test"})
		return nil
	},
	"places-meddles": func(_ context.Context, req *sdk.Request, _ int64) error {
		return meddle(req.PackPaths[len(req.PackPaths)-1])
	},
	// It has meddled before, and puts it right.
	"places-touches": func(_ context.Context, req *sdk.Request, _ int64) error {
		return meddle(req.PackPaths[len(req.PackPaths)-1])
	},
}

// untilHeard waits until a test has heard of what a placer has placed: for the
// file that is named by the option.
func untilHeard(req *sdk.Request) {
	for {
		if _, err := os.Stat(req.Options.String("flavour")); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// placedText is what placers log once they have placed their bodies.
const placedText = "all is placed"

func buildPlaced(ctx context.Context, name string, req *sdk.Request, t *tree.Tree) error {
	return makeLean(ctx, req, t, func(f *os.File, size int64) error {
		if name == "places-touches" {
			if err := meddle(req.PackPaths[len(req.PackPaths)-1]); err != nil {
				return err
			}
		}
		if err := errors.Join(f.Truncate(size), req.Placed(size)); err != nil {
			return err
		}
		req.Log(sdk.LogInfo, placedText)
		if err := placers[name](ctx, req, size); err != nil {
			return err
		}
		_, err := f.WriteString(leanHeading)
		return err
	})
}

// onPlaced is Events that calls do when a placer has placed its bodies.
type onPlaced struct {
	recorded
	do func()
}

// whenPlaced has do done then, and returns what an engine and a build need for it.
func whenPlaced(t *testing.T, do func()) (Events, map[string]string) {
	t.Helper()
	heard := filepath.Join(t.TempDir(), "heard")
	return &onPlaced{do: func() {
		do()
		if err := os.WriteFile(heard, nil, 0o600); err != nil {
			t.Error(err)
		}
	}}, map[string]string{"flavour": heard}
}

func (p *onPlaced) Log(level sdk.LogLevel, text string) {
	p.recorded.Log(level, text)
	if strings.HasSuffix(text, placedText) {
		p.do()
	}
}

// openIn counts this process's open files in a directory, with names or without.
func openIn(t *testing.T, dir string) (n int) {
	t.Helper()
	for _, fd := range expand(t, "/proc/self/fd/*") {
		if at, err := os.Readlink(fd); err == nil && strings.HasPrefix(at, dir+"/") {
			n++
		}
	}
	return n
}

// TestPlaced: a builder that tells early has the user's file begun while it builds,
// which is the same as any other's in the end, built and found built.
func TestPlaced(t *testing.T) {
	for _, name := range []string{"places", "places-changes", "places-loses", "places-touches"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := withFakes(t)
			o := BuildOptions{Image: leanLayers(t), Builder: name, Output: filepath.Join(t.TempDir(), "out")}
			begun := 0
			e.Events, o.Options = whenPlaced(t, func() { begun += openIn(t, filepath.Dir(o.Output)) })
			for _, cached := range []bool{false, true} {
				r, err := e.Build(t.Context(), o)
				if err != nil || r.Cached != cached {
					t.Fatalf("%+v, %v", r, err)
				}
				if got, err := os.ReadFile(o.Output); err != nil || !bytes.Equal(got, leanImage("two", leanLarge)) {
					t.Errorf("cached %v: %d bytes, %v", cached, len(got), err)
				}
			}
			if begun != 1 {
				t.Errorf("%d files were begun", begun)
			}
			if n := openIn(t, filepath.Dir(o.Output)); n > 0 {
				t.Errorf("%d files are still open", n)
			}
		})
	}
}

// TestPlacedInVain: of a file that was begun nothing is left when the build
// fails, and what was there stays.
func TestPlacedInVain(t *testing.T) {
	for name, want := range map[string]error{
		"places-fails": host.ErrBuilder, "places-dies": host.ErrBuilder, "places-twice": host.ErrBuilder,
		"places-grows": host.ErrBuilder, "places-meddles": errMeddled, "places-waits": context.Canceled, "places-loses": ErrLosses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := withFakes(t)
			o := BuildOptions{Image: leanLayers(t), Builder: name, Output: filepath.Join(t.TempDir(), "out"), Strict: true}
			if err := os.WriteFile(o.Output, []byte("older"), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e.Events, o.Options = whenPlaced(t, func() {
				if openIn(t, filepath.Dir(o.Output)) != 1 {
					t.Error("it is not begun")
				}
				if name == "places-waits" {
					cancel()
				}
			})
			if _, err := e.Build(ctx, o); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			if got, err := os.ReadFile(o.Output); err != nil || string(got) != "older" {
				t.Errorf("the output holds %d bytes, %v", len(got), err)
			}
			if left, err := os.ReadDir(filepath.Dir(o.Output)); err != nil || len(left) != 1 {
				t.Errorf("beside the output: %v, %v", left, err)
			}
			if n := openIn(t, filepath.Dir(o.Output)); n > 0 {
				t.Errorf("%d files are still open", n)
			}
		})
	}
}

// TestPlacedForNobody: where the image stays in the store there is nothing to
// begin, and it is whole.
func TestPlacedForNobody(t *testing.T) {
	e, _ := withFakes(t)
	r, err := e.Build(t.Context(), BuildOptions{Image: leanLayers(t), Builder: "places"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(r.Path); err != nil || !bytes.Equal(got, leanImage("two", leanLarge)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if layers, err := e.Store.ArtifactLayers(r.Artifact); err != nil || len(layers) > 0 {
		t.Errorf("it needs %v, %v", layers, err)
	}
}
