package castest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
)

// question makes an action that names nothing yet.
func question(t testing.TB, text string) cas.Action {
	t.Helper()
	key, preimage, err := cas.ActionKey(map[string]string{"castest": text})
	must(t, err)
	return cas.Action{Key: key, Preimage: preimage, Created: time.Date(2031, 2, 3, 4, 5, 6, 7, time.UTC)}
}

// wantAction wants a to be a hit, as it was put.
func wantAction(t testing.TB, s Store, a cas.Action) {
	t.Helper()
	got, err := s.Action(a.Key)
	if err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("action: %+v, %v\nwant %+v", got, err, a)
	}
}

func wantNoAction(t testing.TB, s Store, key digest.Digest) {
	t.Helper()
	_, err := s.Action(key)
	wantAbsent(t, "action", err)
}

func actionRoundTrip(t testing.TB, s Store) {
	a := question(t, "<html> & \u2028")
	wantNoAction(t, s, a.Key)
	a.Artifact = mustPutImage(t, s, "image").Digest
	a.Blobs = []digest.Digest{putBlob(t, s, "b"), putBlob(t, s, "a")}
	a.Result = []byte(`{"seconds":1.5,"text":"<�>"}`)
	must(t, s.PutAction(t.Context(), a))
	wantAction(t, s, a)
	wantAction(t, s, a) // a hit leaves it as it is

	empty := question(t, "names nothing")
	empty.Created = time.Time{}
	must(t, s.PutAction(t.Context(), empty))
	got, err := s.Action(empty.Key)
	if err != nil || got.Created.IsZero() || got.Artifact != "" || got.Blobs != nil || got.Result != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func actionReplaced(t testing.TB, s Store) {
	a := question(t, "?")
	for _, result := range []string{`1`, `"another answer"`, `2`} {
		a.Result = []byte(result)
		must(t, s.PutAction(t.Context(), a))
		wantAction(t, s, a)
	}
}

// actionNamesAbsent: an action is never there before what it names, and a
// refused one leaves the older one.
func actionNamesAbsent(t testing.TB, s Store) {
	here, gone := putBlob(t, s, "here"), digest.FromString("gone")
	older := question(t, "older")
	must(t, s.PutAction(t.Context(), older))
	for _, bad := range []cas.Action{
		{Blobs: []digest.Digest{gone}}, {Blobs: []digest.Digest{here, gone}}, {Artifact: gone}, {Artifact: here},
	} {
		for _, a := range []cas.Action{question(t, "?"), older} {
			a.Blobs, a.Artifact = bad.Blobs, bad.Artifact
			wantAbsent(t, "put action that names what is not there", s.PutAction(t.Context(), a))
		}
	}
	wantNoAction(t, s, question(t, "?").Key)
	wantAction(t, s, older)
}

// actionLoses: a hit never leads to something that is not there.
func actionLoses(t testing.TB, s Store) {
	a := question(t, "?")
	a.Artifact = mustPutImage(t, s, "image").Digest
	a.Blobs = []digest.Digest{putBlob(t, s, "blob")}
	must(t, s.PutAction(t.Context(), a))
	must(t, s.QuarantineBlob(a.Blobs[0], errWhy))
	wantNoAction(t, s, a.Key)
	putBlob(t, s, "blob")
	wantAction(t, s, a)
	must(t, s.QuarantineArtifact(a.Artifact, errWhy))
	wantNoAction(t, s, a.Key)
	mustPutImage(t, s, "image")
	wantAction(t, s, a)
}

func actionRefused(t testing.TB, s Store) {
	right := question(t, "right")
	other, spaced, huge, broken, late := right, right, right, right, right
	other.Key = question(t, "other").Key
	spaced.Preimage = []byte(`{ "castest": "right" }`)
	spaced.Key = digest.FromBytes(spaced.Preimage)
	huge.Result = []byte(`"` + strings.Repeat("x", 32<<20) + `"`)
	broken.Result = []byte("{")
	late.Created = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)
	want(t, "the key of another question", s.PutAction(t.Context(), other), cas.ErrMismatch)
	want(t, "a preimage that is not canonical", s.PutAction(t.Context(), spaced), cas.ErrMismatch)
	want(t, "a huge result", s.PutAction(t.Context(), huge), cas.ErrTooLarge)
	for what, a := range map[string]cas.Action{"a result that is no JSON": broken, "an impossible time": late, "no preimage": {Key: right.Key}} {
		if err := s.PutAction(t.Context(), a); err == nil {
			t.Errorf("put an action with %s", what)
		}
	}
	for _, a := range []cas.Action{right, other, spaced} {
		wantNoAction(t, s, a.Key)
	}
}

func actionContext(t testing.TB, s Store) {
	a, ctx := question(t, "?"), ended(t)
	want(t, "put action", s.PutAction(ctx, a), ctx.Err())
	wantNoAction(t, s, a.Key)
}

func actionQuarantine(t testing.TB, s Store) {
	a := question(t, "?")
	must(t, s.QuarantineAction(a.Key, errWhy))
	must(t, s.PutAction(t.Context(), a))
	must(t, s.QuarantineAction(a.Key, errWhy))
	wantNoAction(t, s, a.Key)
	must(t, s.PutAction(t.Context(), a))
	wantAction(t, s, a)
}
