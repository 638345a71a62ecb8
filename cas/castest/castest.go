// Package castest is the conformance suite of stores: whatever is used in the
// place of [cas.Store] must pass it. It holds an implementation to the
// contracts on the interfaces of package cas, as far as they can be seen
// through these interfaces alone; what a store does when its disk fails or
// its process dies is for its own tests.
package castest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
)

// Store is what the suite tests.
type Store interface {
	cas.Blobs
	cas.Layers
	cas.Artifacts
	cas.Actions
}

// Run tests the stores that open returns. Each must be new and empty; open
// arranges for the end of it with t.Cleanup, and may look there whether
// something was left that should not be.
func Run(t *testing.T, open func(t testing.TB) Store) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// check is one test of a new and empty store.
type check struct {
	name string
	run  func(t testing.TB, s Store)
}

var checks = []check{
	{"blob/what is put is read", blobRoundTrip},
	{"blob/absent", blobAbsent},
	{"blob/putting again is no error", blobAgain},
	{"blob/a wrong digest is refused", blobWrongDigest},
	{"blob/a wrong size is refused", blobWrongSize},
	{"blob/nothing is visible before the commit", blobInvisible},
	{"blob/a writer ends once", blobEnds},
	{"blob/limit", blobLimit},
	{"blob/context", blobContext},
	{"blob/quarantine", blobQuarantine},
	{"layer/what is put is found", layerRoundTrip},
	{"layer/the first stays", layerFirstStays},
	{"layer/a writer ends once", layerEnds},
	{"layer/context", layerContext},
	{"layer/quarantine", layerQuarantine},
	{"artifact/what is put is found", artifactRoundTrip},
	{"artifact/digest", artifactDigest},
	{"artifact/what is no image is refused", artifactRefused},
	{"artifact/a writer ends once", artifactEnds},
	{"artifact/context", artifactContext},
	{"artifact/copies are the user's own", artifactCopies},
	{"artifact/quarantine", artifactQuarantine},
	{"artifact/bodies are put in", bodiesRoundTrip},
	{"artifact/outputs are filled meanwhile", outputFilled},
	{"artifact/outputs are begun before", outputBegun},
	{"artifact/outputs are begun in vain", outputBegunInVain},
	{"artifact/outputs fail by themselves", outputFails},
	{"artifact/bodies are made part of it", bodiesWhole},
	{"artifact/bodies need their layers", bodiesNeedLayers},
	{"artifact/bodies that are nowhere are refused", bodiesRefused},
	{"action/what is put is found", actionRoundTrip},
	{"action/putting again replaces", actionReplaced},
	{"action/what it names must be there", actionNamesAbsent},
	{"action/what it names may go", actionLoses},
	{"action/a wrong action is refused", actionRefused},
	{"action/context", actionContext},
	{"action/quarantine", actionQuarantine},
	{"odd digests are refused everywhere", oddDigests},
	{"many at once", manyAtOnce},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantAbsent wants err to say that something is not there, and no more.
func wantAbsent(t testing.TB, what string, err error) {
	t.Helper()
	if !errors.Is(err, cas.ErrNotFound) || errors.Is(err, cas.ErrCorrupt) {
		t.Errorf("%s: %v, want an ErrNotFound", what, err)
	}
}

// want wants err to be one of the kind.
func want(t testing.TB, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want %q", what, err, kind)
	}
}

// ended is a context that has ended.
func ended(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

var errWhy = errors.New("castest says so")

// odd are strings that are no digest, and must not become part of a path or a
// request.
func odd() []digest.Digest {
	hex := strings.Repeat("a", 64)
	return []digest.Digest{
		"", "sha256", "sha256:", digest.Digest("sha256:" + hex[1:]), digest.Digest("sha256:" + hex + "a"),
		digest.Digest("sha256:" + strings.ToUpper(hex)), digest.Digest("SHA256:" + hex), digest.Digest(hex),
		digest.Digest("sha512:" + hex + hex), digest.Digest("sha512:" + hex),
		"sha256:../../../../../../../../../../../../../../../../../etc/passwd", "../../etc:passwd",
		digest.Digest("sha256:" + hex[:62] + "/."), digest.Digest("sha256:" + hex[:61] + "/.."),
		digest.Digest("../blobs:" + hex), digest.Digest("sha256/../x:" + hex),
		digest.Digest("sha256:" + hex[:63] + "\x00"), digest.Digest("sha256:" + hex + "\n"), digest.Digest(" sha256:" + hex),
		digest.Digest("sha256:" + hex[:63] + "ａ"),
	}
}

// oddDigests gives each entry point what is no digest.
func oddDigests(t testing.TB, s Store) {
	key, preimage, err := cas.ActionKey("odd")
	must(t, err)
	for _, d := range odd() {
		_, openErr := s.OpenBlob(d)
		_, readErr := s.ReadBlob(d, 10)
		_, layerErr := s.Layer(d)
		_, artifactErr := s.Artifact(d)
		_, layersErr := s.ArtifactLayers(d)
		_, wholeErr := s.Whole(t.Context(), cas.Artifact{Digest: d})
		_, actionErr := s.Action(d)
		for what, err := range map[string]error{
			"OpenBlob": openErr, "ReadBlob": readErr, "Layer": layerErr, "Artifact": artifactErr, "Action": actionErr,
			"ArtifactLayers": layersErr, "Whole": wholeErr,
			"QuarantineBlob": s.QuarantineBlob(d, errWhy), "QuarantineLayer": s.QuarantineLayer(d, errWhy),
			"QuarantineArtifact": s.QuarantineArtifact(d, errWhy), "QuarantineAction": s.QuarantineAction(d, errWhy),
			"LayerWriter.Commit": putLayer(t, s, d, "index", "pack"),
			"CopyOut":            s.CopyOut(t.Context(), cas.Artifact{Digest: d}, t.TempDir()+"/x", cas.CopyOptions{}),
			"PutAction":          s.PutAction(t.Context(), cas.Action{Key: d, Preimage: preimage}),
			"a blob of an action": s.PutAction(t.Context(), cas.Action{
				Key: key, Preimage: preimage, Blobs: []digest.Digest{d},
			}),
		} {
			if err == nil || errors.Is(err, cas.ErrNotFound) {
				t.Errorf("%s of %q: %v, want an error that is no ErrNotFound", what, d, err)
			}
		}
		if err := commitBlob(t, s, "text", d, -1); err == nil && d != "" {
			t.Errorf("BlobWriter.Commit of %q: no error", d)
		}
	}
}
