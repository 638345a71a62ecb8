package castest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
)

// wantNothing wants nothing to be in the directory of dst.
func wantNothing(t testing.TB, dst string) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Dir(dst)); err != nil || len(left) > 0 {
		t.Errorf("beside the output: %v, %v", left, err)
	}
}

func outputFilled(t testing.TB, s Store) {
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	for want, b := range map[string]cas.Bodies{leanWhole: leanBodies, "an image": {}} {
		for range 2 { // the second time the artifact is there
			dst := filepath.Join(t.TempDir(), "out")
			out := s.NewOutput(dst, cas.CopyOptions{})
			a, err := putLeanTo(t.Context(), s, b, out)
			must(t, err)
			wantNothing(t, dst)
			must(t, out.Commit(t.Context()))
			out.Abort()
			if got, err := os.ReadFile(dst); err != nil || string(got) != want {
				t.Errorf("the output holds %q, %v, want %q", got, err, want)
			}
			if a.Size != int64(len(want)) {
				t.Errorf("the artifact is %+v, want %d bytes", a, len(want))
			}
		}
	}
}

// outputBegun begins outputs with the bodies, or with what turns out to be none
// of the image.
func outputBegun(t testing.TB, s Store) {
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	for name, c := range map[string]struct {
		size int64
		with cas.Bodies
	}{
		"as announced": {int64(len(leanWhole)), leanBodies},
		"another size": {1 << 20, leanBodies},
		"other bodies": {int64(len(leanWhole)), cas.Bodies{Layers: leanBodies.Layers, List: []cas.Body{{Length: 8}}}},
		"no bodies":    {int64(len(leanWhole)), cas.Bodies{}},
		"absent":       {int64(len(leanWhole)), cas.Bodies{Layers: []digest.Digest{digest.FromString("no layer")}, List: leanBodies.List}},
	} {
		dst := filepath.Join(t.TempDir(), "out")
		out := s.NewOutput(dst, cas.CopyOptions{})
		out.Begin(t.Context(), c.size, c.with)
		_, err := putLeanTo(t.Context(), s, leanBodies, out)
		must(t, err)
		wantNothing(t, dst)
		must(t, out.Commit(t.Context()))
		if got, err := os.ReadFile(dst); err != nil || string(got) != leanWhole {
			t.Errorf("%s: the output holds %q, %v, want %q", name, got, err, leanWhole)
		}
	}
}

// outputBegunInVain begins outputs that nothing comes of.
func outputBegunInVain(t testing.TB, s Store) {
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	begin := func(ctx context.Context) *cas.Output {
		out := s.NewOutput(filepath.Join(t.TempDir(), "out"), cas.CopyOptions{})
		out.Begin(ctx, int64(len(leanWhole)), leanBodies)
		return out
	}
	begin(t.Context()).Abort()
	if err := begin(t.Context()).Commit(t.Context()); err == nil {
		t.Error("an output is committed that has no artifact")
	}
	over, cancel := context.WithCancel(t.Context())
	out := begin(over)
	cancel()
	if _, err := putLeanTo(over, s, leanBodies, out); !errors.Is(err, context.Canceled) {
		t.Errorf("an artifact that nobody wants any more: %v", err)
	}
	if err := out.Commit(t.Context()); err == nil {
		t.Error("an output is committed whose artifact is not")
	}
}

func outputFails(t testing.TB, s Store) {
	dir := t.TempDir()
	out := s.NewOutput(dir, cas.CopyOptions{})
	a, err := putLeanTo(t.Context(), s, cas.Bodies{}, out)
	must(t, err)
	if err := out.Commit(t.Context()); !errors.Is(err, cas.ErrIsDirectory) {
		t.Errorf("an output that is a directory: %v", err)
	}
	wantImage(t, s, a, "an image")

	dst := filepath.Join(t.TempDir(), "out")
	out = s.NewOutput(dst, cas.CopyOptions{})
	absent := cas.Bodies{Layers: []digest.Digest{digest.FromString("no layer")}, List: leanBodies.List}
	if _, err := putLeanTo(t.Context(), s, absent, out); err == nil {
		t.Error("an artifact of bodies in an absent layer is committed")
	}
	out.Abort()
	wantNothing(t, dst)
	if err := out.Commit(t.Context()); err == nil {
		t.Error("an output is committed after it was given up")
	}

	over, cancel := context.WithCancel(t.Context())
	out = s.NewOutput(dst, cas.CopyOptions{})
	_, err = putLeanTo(over, s, cas.Bodies{}, out)
	must(t, err)
	cancel()
	if err := out.Commit(over); !errors.Is(err, context.Canceled) {
		t.Errorf("an output that nobody wants any more: %v", err)
	}
	wantNothing(t, dst)
}
