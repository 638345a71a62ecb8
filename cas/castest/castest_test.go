package castest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/internal/need"
)

// openStore opens a cas.Store, and looks at its end that nothing is left in
// its session.
func openStore(t testing.TB) Store {
	s, err := cas.Open(context.Background(), filepath.Join(t.TempDir(), "store"))
	must(t, err)
	t.Cleanup(func() {
		if left, _ := filepath.Glob(filepath.Join(s.Dir(), "tmp", "*", "*")); len(left) > 0 {
			t.Errorf("left in tmp: %q", left)
		}
		must(t, s.Close())
	})
	return s
}

func TestStore(t *testing.T) { Run(t, openStore) }

// broken are stores that keep all of the contract but one line, with the
// checks that must tell, which are all that may.
var broken = []struct {
	name  string
	store func(s Store) Store
	seen  []string
}{
	{"accepts a wrong digest", func(s Store) Store { return believesDigests{s} }, []string{"blob/a wrong digest is refused", "odd digests are refused everywhere"}},
	{"forgets the size check", func(s Store) Store { return ignoresSizes{s} }, []string{"blob/a wrong size is refused"}},
	{"serves a truncated blob", func(s Store) Store { return truncates{s} }, nil},
	{"stores actions before their blobs", func(s Store) Store { return &eager{Store: s, actions: map[digest.Digest]cas.Action{}} }, []string{"action/what it names must be there", "artifact/bodies need their layers"}},
	{"overwrites layers", func(s Store) Store { return overwrites{s} }, []string{"layer/the first stays"}},
	{"ignores the context", func(s Store) Store { return deaf{s} }, []string{"blob/context", "action/context"}},
	{"takes any path for a digest", func(s Store) Store { return trusting{s} }, []string{"odd digests are refused everywhere"}},
	{"keeps what was quarantined", func(s Store) Store { return stubborn{s} }, []string{"blob/quarantine", "action/what it names may go"}},
	{"hands out the store's own file", func(s Store) Store { return links{s} }, []string{"artifact/copies are the user's own", "artifact/context"}},
	{"forgets bodies", func(s Store) Store { return forgetful{s} }, []string{
		"artifact/bodies are put in", "artifact/outputs are filled meanwhile", "artifact/outputs are begun before", "artifact/outputs fail by themselves", "artifact/bodies are made part of it", "artifact/bodies need their layers", "artifact/bodies that are nowhere are refused",
	}},
	{"leaves outputs empty", func(s Store) Store { return withholds{s} }, []string{"artifact/outputs are filled meanwhile", "artifact/outputs are begun before"}},
	{"commits for nobody", func(s Store) Store { return persistent{s} }, []string{"artifact/outputs are begun in vain"}},
	{"calls an absent blob damaged", func(s Store) Store { return alarmist{s} }, nil},
}

// TestSuiteCanFail runs the suite on broken stores: each fails what its defect
// breaks, and nothing else.
func TestSuiteCanFail(t *testing.T) {
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			var failed []string
			for _, c := range checks {
				if text := failure(t, c, b.store); text != "" {
					t.Logf("%s: %.300s", c.name, text)
					failed = append(failed, c.name)
				}
			}
			if len(failed) == 0 || b.seen != nil && !slices.Equal(sorted(failed), sorted(b.seen)) {
				t.Errorf("failed: %q, want %q", failed, b.seen)
			}
		})
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// failure runs a check on a broken store and returns what it complains of.
func failure(t *testing.T, c check, breaking func(Store) Store) string {
	s, err := cas.Open(t.Context(), filepath.Join(need.MemoryDir(t), "store"))
	must(t, err)
	defer func() { _ = s.Close() }()
	r := &recorder{TB: t}
	var check sync.WaitGroup
	check.Go(func() { c.run(r, breaking(s)) }) // Fatal ends the goroutine
	check.Wait()
	return strings.Join(r.said, "; ")
}

// recorder is a testing.TB that keeps complaints for itself.
type recorder struct {
	testing.TB
	mu   sync.Mutex
	said []string
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// The defects.

type believesDigests struct{ Store }

func (s believesDigests) NewBlob() (cas.BlobWriter, error) {
	w, err := s.Store.NewBlob()
	return believer{w}, err
}

type believer struct{ cas.BlobWriter }

func (w believer) Commit(ctx context.Context, _ digest.Digest, size int64) error {
	return w.BlobWriter.Commit(ctx, "", size)
}

type ignoresSizes struct{ Store }

func (s ignoresSizes) NewBlob() (cas.BlobWriter, error) {
	w, err := s.Store.NewBlob()
	return sizeless{w}, err
}

type sizeless struct{ cas.BlobWriter }

func (w sizeless) Commit(ctx context.Context, want digest.Digest, _ int64) error {
	return w.BlobWriter.Commit(ctx, want, -1)
}

type truncates struct{ Store }

func (s truncates) ReadBlob(d digest.Digest, limit int64) ([]byte, error) {
	b, err := s.Store.ReadBlob(d, limit)
	return b[:max(0, len(b)-1)], err
}

// eager keeps an action whose blobs are to come.
type eager struct {
	Store
	actions map[digest.Digest]cas.Action
}

func (s *eager) PutAction(ctx context.Context, a cas.Action) error {
	err := s.Store.PutAction(ctx, a)
	if errors.Is(err, cas.ErrNotFound) && !errors.Is(err, cas.ErrCorrupt) {
		s.actions[a.Key] = a
		return nil
	}
	return err
}

func (s *eager) Action(key digest.Digest) (cas.Action, error) {
	if a, ok := s.actions[key]; ok {
		return a, nil
	}
	return s.Store.Action(key)
}

type overwrites struct{ Store }

func (s overwrites) NewLayer() (cas.LayerWriter, error) {
	w, err := s.Store.NewLayer()
	return overwriter{w, s.Store}, err
}

type overwriter struct {
	cas.LayerWriter
	s Store
}

func (w overwriter) Commit(ctx context.Context, d digest.Digest) error {
	if l, err := w.s.Layer(d); err == nil && l.PackSize > 0 {
		_ = w.s.QuarantineLayer(d, errWhy)
	}
	return w.LayerWriter.Commit(ctx, d)
}

type deaf struct{ Store }

func (s deaf) PutBlob(ctx context.Context, b []byte) (digest.Digest, error) {
	return s.Store.PutBlob(context.WithoutCancel(ctx), b)
}

func (s deaf) PutAction(ctx context.Context, a cas.Action) error {
	return s.Store.PutAction(context.WithoutCancel(ctx), a)
}

type trusting struct{ Store }

func (s trusting) Layer(d digest.Digest) (cas.Layer, error) {
	if d.Validate() != nil {
		return cas.Layer{}, fmt.Errorf("stat %s: %w", d, cas.ErrNotFound)
	}
	return s.Store.Layer(d)
}

type stubborn struct{ Store }

func (s stubborn) QuarantineBlob(d digest.Digest, why error) error {
	if _, err := s.ReadBlob(d, 1<<20); err == nil {
		return nil
	}
	return s.Store.QuarantineBlob(d, why)
}

type links struct{ Store }

func (s links) CopyOut(ctx context.Context, a cas.Artifact, dst string, o cas.CopyOptions) error {
	found, err := s.Artifact(a.Digest)
	if err != nil || found.Path == "" {
		return errors.Join(err, s.Store.CopyOut(ctx, a, dst, o))
	}
	_ = os.Chmod(found.Path, 0o600)
	_ = os.Remove(dst)
	return os.Link(found.Path, dst)
}

type forgetful struct{ Store }

func (s forgetful) NewArtifact() (cas.ArtifactWriter, error) {
	w, err := s.Store.NewArtifact()
	return forgetter{w}, err
}

type forgetter struct{ cas.ArtifactWriter }

func (w forgetter) CommitWithout(ctx context.Context, mediaType string, _ cas.Bodies, _ *cas.Output) (cas.Artifact, error) {
	return w.Commit(ctx, mediaType)
}

type alarmist struct{ Store }

func (s alarmist) OpenBlob(d digest.Digest) (*os.File, error) {
	f, err := s.Store.OpenBlob(d)
	if errors.Is(err, cas.ErrNotFound) {
		err = fmt.Errorf("%w: %w", cas.ErrCorrupt, err)
	}
	return f, err
}

type withholds struct{ Store }

func (s withholds) NewArtifact() (cas.ArtifactWriter, error) {
	w, err := s.Store.NewArtifact()
	return withholder{w}, err
}

type withholder struct{ cas.ArtifactWriter }

func (w withholder) CommitWithout(ctx context.Context, mediaType string, b cas.Bodies, _ *cas.Output) (cas.Artifact, error) {
	return w.ArtifactWriter.CommitWithout(ctx, mediaType, b, nil)
}

type persistent struct{ Store }

func (s persistent) NewArtifact() (cas.ArtifactWriter, error) {
	w, err := s.Store.NewArtifact()
	return persister{w}, err
}

type persister struct{ cas.ArtifactWriter }

func (w persister) CommitWithout(ctx context.Context, mediaType string, b cas.Bodies, out *cas.Output) (cas.Artifact, error) {
	return w.ArtifactWriter.CommitWithout(context.WithoutCancel(ctx), mediaType, b, out)
}
