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

var leanOn = digest.FromString("a layer to lean on")

const (
	leanIndex = "the index of a layer to lean on"
	leanPack  = "0123456789"
)

// leanBodies puts "345" in the place of "image".
var leanBodies = cas.Bodies{Layers: []digest.Digest{leanOn}, List: []cas.Body{{Offset: 3, PackOffset: 3, Length: 3}, {Offset: 6, PackOffset: 9, Length: 1}}}

const leanWhole = "an 3459e"

// putLean commits an artifact that lacks bodies.
func putLean(t testing.TB, s Store, b cas.Bodies) (cas.Artifact, error) {
	return putLeanTo(t.Context(), s, b, nil)
}

func putLeanTo(ctx context.Context, s Store, b cas.Bodies, out *cas.Output) (cas.Artifact, error) {
	w, err := s.NewArtifact()
	if err != nil {
		return cas.Artifact{}, err
	}
	defer w.Abort()
	if err := os.WriteFile(w.Path(), []byte("an image"), 0o600); err != nil {
		return cas.Artifact{}, err
	}
	return w.CommitWithout(ctx, imageType, b, out)
}

// wantCopy wants CopyOut to make a file of that content.
func wantCopy(t testing.TB, s Store, a cas.Artifact, text string) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "copy")
	must(t, s.CopyOut(t.Context(), a, dst, cas.CopyOptions{}))
	if b, err := os.ReadFile(dst); err != nil || string(b) != text {
		t.Errorf("the copy holds %q, %v, want %q", b, err, text)
	}
}

func bodiesRoundTrip(t testing.TB, s Store) {
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	a, err := putLean(t, s, leanBodies)
	must(t, err)
	if again, err := putLean(t, s, leanBodies); err != nil || again != a || a.Path != "" || a.Size != int64(len(leanWhole)) {
		t.Errorf("put again: %+v, %v, want %+v", again, err, a)
	}
	wantCopy(t, s, a, leanWhole)
	layers, err := s.ArtifactLayers(a.Digest)
	if err != nil || len(layers) != 1 || layers[0] != leanOn {
		t.Errorf("it needs %v, %v", layers, err)
	}
	plain, err := putLean(t, s, cas.Bodies{})
	must(t, err)
	wantImage(t, s, plain, "an image")
	if layers, err := s.ArtifactLayers(plain.Digest); err != nil || len(layers) > 0 {
		t.Errorf("a whole image needs %v, %v", layers, err)
	}
}

func bodiesWhole(t testing.TB, s Store) {
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	a, err := putLean(t, s, leanBodies)
	must(t, err)
	whole, err := s.Whole(t.Context(), a)
	must(t, err)
	wantImage(t, s, whole, leanWhole)
	if same := mustPutImage(t, s, leanWhole); same != whole {
		t.Errorf("made whole, it is %+v, want %+v", whole, same)
	}
	if again, err := s.Whole(t.Context(), whole); err != nil || again != whole {
		t.Errorf("made whole again, it is %+v, %v", again, err)
	}
}

func bodiesNeedLayers(t testing.TB, s Store) {
	_, err := putLean(t, s, leanBodies)
	wantAbsent(t, "an artifact of bodies in an absent layer", err)
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	a, err := putLean(t, s, leanBodies)
	must(t, err)
	must(t, s.QuarantineLayer(leanOn, errWhy))
	wantNoArtifact(t, s, a.Digest)
	key, preimage, err := cas.ActionKey("lean")
	must(t, err)
	action := cas.Action{Key: key, Preimage: preimage, Artifact: a.Digest}
	wantAbsent(t, "an action on an absent layer", s.PutAction(t.Context(), action))
	must(t, putLayer(t, s, leanOn, "another index", leanPack))
	wantNoArtifact(t, s, a.Digest)
	must(t, s.QuarantineLayer(leanOn, errWhy))
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	wantCopy(t, s, a, leanWhole)
	must(t, s.PutAction(t.Context(), action))
	if found, err := s.Action(key); err != nil || found.Artifact != a.Digest {
		t.Errorf("action %+v, %v", found, err)
	}
}

func bodiesRefused(t testing.TB, s Store) {
	must(t, putLayer(t, s, leanOn, leanIndex, leanPack))
	for what, list := range map[string][]cas.Body{
		"beyond the image": {{Offset: 7, Length: 2}},
		"beyond the pack":  {{PackOffset: 9, Length: 2}},
		"overlapping":      {{Length: 3}, {Offset: 2, Length: 3}},
		"unsorted":         {{Offset: 5, Length: 1}, {Length: 1}},
		"empty":            {{}},
		"in another layer": {{Layer: 1, Length: 1}},
	} {
		if a, err := putLean(t, s, cas.Bodies{Layers: leanBodies.Layers, List: list}); err == nil || errors.Is(err, cas.ErrNotFound) {
			t.Errorf("bodies %s: %+v, %v", what, a, err)
		}
	}
}
