package castest

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/opencontainers/go-digest"
)

// putLayer commits a layer with an index and a pack.
func putLayer(t testing.TB, s Store, diffID digest.Digest, index, pack string) error {
	w, err := s.NewLayer()
	if err != nil {
		return err
	}
	defer w.Abort()
	_, indexErr := io.WriteString(w.Index(), index)
	_, packErr := io.WriteString(w.Pack(), pack)
	return errors.Join(indexErr, packErr, w.Commit(t.Context(), diffID))
}

// wantLayer wants a layer to be there with an index and a pack.
func wantLayer(t testing.TB, s Store, diffID digest.Digest, index, pack string) {
	t.Helper()
	l, err := s.Layer(diffID)
	if err != nil || l.DiffID != diffID || l.PackSize != int64(len(pack)) {
		t.Errorf("layer: %+v, %v", l, err)
		return
	}
	for path, text := range map[string]string{l.Index: index, l.Pack: pack} {
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%s holds %q, %v, want %q", path, b, err, text)
		}
	}
}

func wantNoLayer(t testing.TB, s Store, diffID digest.Digest) {
	t.Helper()
	_, err := s.Layer(diffID)
	wantAbsent(t, "layer", err)
}

var tarID = digest.FromString("a tar")

func layerRoundTrip(t testing.TB, s Store) {
	wantNoLayer(t, s, tarID)
	must(t, putLayer(t, s, tarID, "the index", "the pack"))
	wantLayer(t, s, tarID, "the index", "the pack")
	other := digest.FromString("an empty tar")
	must(t, putLayer(t, s, other, "", ""))
	wantLayer(t, s, other, "", "")
	wantLayer(t, s, tarID, "the index", "the pack")
}

// layerFirstStays: an object never changes under its name.
func layerFirstStays(t testing.TB, s Store) {
	must(t, putLayer(t, s, tarID, "first", "the first pack"))
	must(t, putLayer(t, s, tarID, "second", "too late"))
	wantLayer(t, s, tarID, "first", "the first pack")
}

func layerEnds(t testing.TB, s Store) {
	w, err := s.NewLayer()
	must(t, err)
	_, err = io.WriteString(w.Pack(), "x")
	must(t, err)
	wantNoLayer(t, s, tarID)
	w.Abort()
	w.Abort()
	if err := w.Commit(t.Context(), tarID); err == nil {
		t.Error("committed after abort")
	}
	wantNoLayer(t, s, tarID)

	w, err = s.NewLayer()
	must(t, err)
	must(t, w.Commit(t.Context(), tarID))
	w.Abort()
	if err := w.Commit(t.Context(), digest.FromString("again")); err == nil {
		t.Error("committed twice")
	}
	wantLayer(t, s, tarID, "", "")
}

func layerContext(t testing.TB, s Store) {
	w, err := s.NewLayer()
	must(t, err)
	ctx := ended(t)
	want(t, "commit", w.Commit(ctx, tarID), ctx.Err())
	wantNoLayer(t, s, tarID)
}

func layerQuarantine(t testing.TB, s Store) {
	must(t, s.QuarantineLayer(tarID, errWhy))
	must(t, putLayer(t, s, tarID, "bad", "bad"))
	must(t, s.QuarantineLayer(tarID, errWhy))
	wantNoLayer(t, s, tarID)
	must(t, putLayer(t, s, tarID, "good", "good"))
	wantLayer(t, s, tarID, "good", "good")
}
