package core

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"banger/cas"
	"banger/core/flatten"
	"banger/core/unpack"
	"banger/internal/hint"
	"banger/internal/ocitest"
	tt "banger/internal/tartest"
)

// limited are limits that the image of [manyLimits] exceeds, and the least that
// let it in.
var limited = map[string]struct{ over, fits unpack.Limits }{
	"entries of a layer":      {unpack.Limits{Entries: 2}, unpack.Limits{Entries: 8}},
	"entries of the image":    {unpack.Limits{Entries: 7}, unpack.Limits{Entries: 8}},
	"depth of a name":         {unpack.Limits{PathDepth: 2}, unpack.Limits{PathDepth: 4}},
	"depth through a symlink": {unpack.Limits{PathDepth: 3}, unpack.Limits{PathDepth: 4}},
	"file size":               {unpack.Limits{FileSize: 4999}, unpack.Limits{FileSize: 5000}},
	"size of a layer":         {unpack.Limits{TotalSize: 9000}, unpack.Limits{TotalSize: 1 << 20}},
	"several at once":         {unpack.Limits{Entries: 7, FileSize: 10}, unpack.Limits{Entries: 8, FileSize: 5000}},
	"extended header":         {unpack.Limits{HeaderSize: 500}, unpack.Limits{HeaderSize: 5000}},
}

// manyLimits makes an image with two implied directories, a path that is deeper
// than its name, a large file, and a long header.
func manyLimits(t *testing.T) Image {
	return layout(t,
		gz(tt.Dir("a/b/c/"), tt.Symlink("l", "a/b/c"), tt.PAX("comment="+string(bytes.Repeat([]byte("x"), 1000))), tt.File("f", string(make([]byte, 5000)))),
		gz(tt.File("l/d", "D"), tt.File("f", "another")),
		ocitest.Layer{Tar: tt.Join(tt.File("g", "")), Compression: ocitest.Plain})
}

// TestLimitsHoldForWhatIsKnown has each command meet each limit twice: with a
// store that has nothing, and with one that has all of the image.
func TestLimitsHoldForWhatIsKnown(t *testing.T) {
	im := manyLimits(t)
	known, _ := withFakes(t)
	o := BuildOptions{Image: im, Builder: "tree"}
	built, err := known.Build(t.Context(), o)
	must(t, err)
	_, err = known.Pull(t.Context(), im)
	must(t, err)

	commands := map[string]func(ctx context.Context, e *Engine) error{
		"build": func(ctx context.Context, e *Engine) error { _, err := e.Build(ctx, o); return err },
		"build of what is not known": func(ctx context.Context, e *Engine) error {
			_, err := e.Build(ctx, BuildOptions{Image: im, Builder: "tar"})
			return err
		},
		"tree":   func(ctx context.Context, e *Engine) error { _, _, err := e.Tree(ctx, im); return err },
		"export": func(ctx context.Context, e *Engine) error { return e.Export(ctx, im, io.Discard) },
		"pull":   func(ctx context.Context, e *Engine) error { _, err := e.Pull(ctx, im); return err },
		"plan":   func(ctx context.Context, e *Engine) error { _, err := e.Plan(ctx, o); return err },
	}
	for limit, c := range limited {
		for command, do := range commands {
			t.Run(limit+"/"+command, func(t *testing.T) {
				cold, _ := withFakes(t)
				cold.Limits, known.Limits = c.over, c.over
				want, got := do(t.Context(), cold), do(t.Context(), known)
				if command == "plan" {
					_, _, want = cold.Tree(t.Context(), im) // which the plan foresees
				}
				if !sameLimit(got, want) {
					t.Errorf("got %v, want %v", got, want)
				}
				known.Limits = c.fits
				must(t, do(t.Context(), known))
			})
		}
	}
	known.Limits = unpack.Limits{Entries: 7}
	x, err := known.Explain(t.Context(), o)
	must(t, err)
	if x.Hit || x.Why != "there is an answer, which is not within the limits" {
		t.Errorf("explanation %+v", x)
	}
	known.Limits = unpack.Limits{Entries: 8}
	again, err := known.Build(t.Context(), o)
	must(t, err)
	if !again.Cached || again.Artifact != built.Artifact {
		t.Errorf("built %+v, then %+v", built, again)
	}
}

// sameLimit reports whether two errors are the same to a user. Which entry has
// the extended header is not known of a layer that was unpacked before.
func sameLimit(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if l, ok := errors.AsType[*unpack.LimitError](a); ok && l.Name == "extended header" {
		m, ok := errors.AsType[*unpack.LimitError](b)
		return ok && *l == *m && hint.Of(a) == hint.Of(b)
	}
	return a.Error() == b.Error() && hint.Of(a) == hint.Of(b)
}

// TestRatioHoldsForWhatIsKnown has let a bomb in.
func TestRatioHoldsForWhatIsKnown(t *testing.T) {
	bomb := append(tt.Join(tt.File("a", "a")), make([]byte, 513<<20)...)
	im := layout(t, ocitest.Layer{Tar: bomb, Compression: ocitest.Gzip})
	e, _ := withFakes(t)
	e.Limits = unpack.Limits{Ratio: 2000}
	_, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree"})
	must(t, err)
	for _, builder := range []string{"tree", "tar"} {
		e.Limits = unpack.Limits{}
		if _, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: builder}); hint.Of(err) != "if you trust this image, raise the limit with --limit-ratio" {
			t.Errorf("%s: error %v", builder, err)
		}
	}
	e.Limits = unpack.Limits{Ratio: 2000}
	r, err := e.Build(t.Context(), BuildOptions{Image: im, Builder: "tree"})
	must(t, err)
	if !r.Cached {
		t.Error("built again")
	}
}

// TestTreeWithoutNeeds has an answer of which nobody knows what limits it needs.
func TestTreeWithoutNeeds(t *testing.T) {
	e, _ := withFakes(t)
	im := twoLayers(t)
	p, err := e.Pull(t.Context(), im)
	must(t, err)
	_, d, err := e.Tree(t.Context(), im)
	must(t, err)
	in := flattenInputs{Revision: flatten.Revision}
	key, preimage, err := cas.ActionKey(treePreimage{Kind: "tree", Layers: p.DiffIDs, Flatten: in})
	must(t, err)
	a, err := e.Store.Action(key)
	must(t, err)
	a.Preimage, a.Result = preimage, []byte(`{"warnings":null}`)
	must(t, e.Store.PutAction(t.Context(), a))
	_, again, err := e.Tree(t.Context(), im)
	must(t, err)
	a, err = e.Store.Action(key)
	must(t, err)
	if again != d || !bytes.Contains(a.Result, []byte(`"depth":2`)) {
		t.Errorf("tree %s, then %s; answer %s", d, again, a.Result)
	}
}
