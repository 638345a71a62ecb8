package cas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// step is one thing that a program does to a store. Done again, it succeeds
// and leaves the same.
type step struct {
	name string
	do   func(ctx context.Context, s *Store) error
	// there returns nil when what the step made is there and right.
	there func(s *Store) error
}

// What the steps put into a store.
const (
	stepText  = "a blob that is committed by a process that dies"
	stepIndex = "the index of a layer"
	stepPack  = "the pack of a layer, which is longer"
	stepImage = "an image"
	stepType  = "application/x-step"
	stepLean  = "an image with a hole in it"
	stepWhole = "an image with a pack in it" // with stepBodies
)

var (
	stepDiffID = digest.FromString("the tar of a layer")
	stepBodies = Bodies{Layers: []digest.Digest{stepDiffID}, List: []Body{{Offset: 16, PackOffset: 4, Length: 4}}}
)

// steps go through every kind of object, the action after what it names.
var steps = []step{
	{"blob", putStepBlob, func(s *Store) error { return isBlob(s, stepText) }},
	{"layer", putStepLayer, stepLayerThere},
	{"artifact", putStepArtifact, func(s *Store) error { return wholeArtifact(s, stepArtifact().Digest) }},
	{"skeleton", putStepSkeleton, wholeSkeleton},
	{"action", func(ctx context.Context, s *Store) error { return putStepAction(ctx, s, `"first"`) }, stepActionThere},
	{"action again", func(ctx context.Context, s *Store) error { return putStepAction(ctx, s, `"second"`) }, stepActionThere},
	{"tag", func(ctx context.Context, s *Store) error { return s.Tag(ctx, descriptor(stepText), "name") }, func(s *Store) error {
		_, err := s.Tagged("name")
		return err
	}},
	{"blob anew", putBlobAnew, func(s *Store) error { return isBlob(s, "anew") }},
}

func putStepBlob(ctx context.Context, s *Store) error {
	_, err := s.PutBlob(ctx, []byte(stepText))
	return err
}

// putBlobAnew is what is done about a damaged blob.
func putBlobAnew(ctx context.Context, s *Store) error {
	_, first := s.PutBlob(ctx, []byte("anew"))
	aside := s.QuarantineBlob(digest.FromString("anew"), errors.New("it was bad"))
	_, again := s.PutBlob(ctx, []byte("anew"))
	return errors.Join(first, aside, again)
}

func putStepLayer(ctx context.Context, s *Store) error {
	w, err := s.NewLayer()
	if err != nil {
		return err
	}
	defer w.Abort()
	_, indexErr := io.WriteString(w.Index(), stepIndex)
	_, packErr := io.WriteString(w.Pack(), stepPack)
	return errors.Join(indexErr, packErr, w.Commit(ctx, stepDiffID))
}

func putStepArtifact(ctx context.Context, s *Store) error {
	return commitStep(ctx, s, stepImage, Bodies{}, nil)
}

func putStepSkeleton(ctx context.Context, s *Store) error {
	return commitStep(ctx, s, stepLean, stepBodies, nil)
}

func commitStep(ctx context.Context, s *Store, image string, b Bodies, out *Output) error {
	w, err := s.NewArtifact()
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := os.WriteFile(w.Path(), []byte(image), 0o600); err != nil {
		return err
	}
	_, err = w.CommitWithout(ctx, stepType, b, out)
	return err
}

// stepArtifact is the artifact of putStepArtifact.
func stepArtifact() Artifact { return stepArtifactOf(stepImage, nil) }

// stepSkeleton is the artifact of putStepSkeleton.
func stepSkeleton() Artifact {
	return stepArtifactOf(stepLean, &bodiesOf{
		Layers: []layerOf{{DiffID: stepDiffID, Index: digest.FromString(stepIndex).Encoded(), PackSize: int64(len(stepPack))}},
		SHA256: digest.FromBytes(encodeBodies(stepBodies.List)).Encoded(),
	})
}

func stepArtifactOf(image string, b *bodiesOf) Artifact {
	chunk := digest.FromString(image).Encoded()
	text, err := canonicalJSON(manifest{Bodies: b, ChunkSize: chunkSize, Chunks: []*string{&chunk}, MediaType: stepType, Size: int64(len(image))})
	if err != nil {
		panic(err)
	}
	return Artifact{Digest: digest.FromBytes(text), Size: int64(len(image)), MediaType: stepType}
}

func stepAction(result string) Action {
	key, preimage, err := ActionKey("step")
	if err != nil {
		panic(err)
	}
	return Action{
		Key: key, Preimage: preimage, Artifact: stepSkeleton().Digest,
		Blobs: []digest.Digest{digest.FromString(stepText)}, Result: json.RawMessage(result),
	}
}

func putStepAction(ctx context.Context, s *Store, result string) error {
	return s.PutAction(ctx, stepAction(result))
}

func stepActionThere(s *Store) error {
	_, err := s.Action(stepAction("").Key)
	return err
}

func isBlob(s *Store, text string) error {
	_, err := s.ReadBlob(digest.FromString(text), int64(len(text)))
	return err
}

func stepLayerThere(s *Store) error {
	l, err := s.Layer(stepDiffID)
	if err != nil {
		return err
	}
	for path, want := range map[string]string{l.Index: stepIndex, l.Pack: stepPack} {
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			return fmt.Errorf("%s holds %q, %w", path, b, err)
		}
	}
	return nil
}

// wholeArtifact reads all of an artifact.
func wholeArtifact(s *Store, d digest.Digest) error {
	a, err := s.Artifact(d)
	if err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(filepath.Dir(a.Path), manifestName))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(a.Path)
	if err == nil && !strings.Contains(string(manifest), digest.FromBytes(b).Encoded()) {
		err = fmt.Errorf("%s holds %q", a.Path, b)
	}
	return err
}

// wholeSkeleton reads all of stepSkeleton, with its bodies.
func wholeSkeleton(s *Store) error {
	src, err := s.openSource(stepSkeleton())
	if err != nil {
		return err
	}
	defer src.close()
	image := make([]byte, len(stepWhole))
	for p, err := range src.pieces() {
		if err == nil {
			_, err = p.from.ReadAt(image[p.at:p.at+p.n], p.off)
		}
		if err != nil {
			return err
		}
	}
	if string(image) != stepWhole {
		return fmt.Errorf("the image with its bodies is %q", image)
	}
	return nil
}

// checkAbsentOrWhole holds every object of a store that steps were done to
// against what it must be; none is damaged, and no action names what is not
// there.
func checkAbsentOrWhole(s *Store) (errs error) {
	for _, st := range steps {
		if err := st.there(s); err != nil && (!errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt)) {
			errs = errors.Join(errs, fmt.Errorf("%s: %w", st.name, err))
		}
	}
	a, err := readAction(s.path(kindAction.dir(), stepAction("").Key.Encoded()), stepAction("").Key)
	if err == nil {
		if err := s.holds(a); err != nil {
			errs = errors.Join(errs, fmt.Errorf("an action names what is not there: %w", err))
		}
	}
	return errs
}

// doSteps does every step and looks that it is done.
func doSteps(t testing.TB, s *Store) {
	t.Helper()
	for _, st := range steps {
		if err := errors.Join(st.do(t.Context(), s), st.there(s)); err != nil {
			t.Errorf("%s: %v", st.name, err)
		}
	}
}
