package cas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"banger/internal/filetest"
	"banger/internal/need"
)

// soundStore fills a store with some of each kind.
func soundStore(t testing.TB, s *Store) Action {
	t.Helper()
	image := make([]byte, 2*chunkSize+12345)
	_, _ = rand.NewChaCha8([32]byte{}).Read(image[:chunkSize+5])
	art := putArtifact(t, s, func(f *os.File) error {
		_, err := f.WriteAt(image, 3*chunkSize) // a chunk of zeros in front and one behind
		return err
	})
	pack := strings.Repeat("pack", 1000)
	must(t, putLayer(t, s, digest.FromString("tar"), digest.FromString(pack).String(), pack))
	skeleton := putSkeleton(t, s, "a skeleton", Bodies{
		Layers: []digest.Digest{digest.FromString("tar")}, List: []Body{{Offset: 2, PackOffset: 40, Length: 8}},
	})
	leaning, preimage, err := ActionKey(map[string]any{"question": "does it lean on a layer?"})
	must(t, err)
	must(t, s.PutAction(t.Context(), Action{Key: leaning, Preimage: preimage, Artifact: skeleton.Digest}))
	manifest, large := putText(t, s, "manifest"), putText(t, s, strings.Repeat("blob", 1<<18))
	must(t, s.Tag(t.Context(), Descriptor{MediaType: "application/x", Digest: manifest, Size: 8}, "name"))
	key, preimage, err := ActionKey(map[string]any{"question": "sound"})
	must(t, err)
	a := Action{Key: key, Preimage: preimage, Artifact: art.Digest, Blobs: []digest.Digest{manifest, large}}
	must(t, s.PutAction(t.Context(), a))
	return a
}

// checkText judges the layers of soundStore, whose index is the digest of
// their pack.
func checkText(_ context.Context, l Layer, w *Work) error {
	w.Go(func([]byte) error {
		index, err := os.ReadFile(l.Index)
		if err != nil {
			return err
		}
		pack, err := os.ReadFile(l.Pack)
		if err != nil {
			return err
		}
		w.Read(int64(len(pack)))
		if digest.FromBytes(pack).String() != string(index) {
			return fmt.Errorf("%w: pack and index differ", ErrCorrupt)
		}
		return nil
	})
	return w.Wait()
}

func verify(t testing.TB, s *Store) *Verified {
	t.Helper()
	v, err := s.Verify(t.Context(), VerifyOptions{CheckLayer: checkText})
	must(t, err)
	return v
}

func describe(v *Verified) (all []string) {
	for _, p := range v.Problems {
		all = append(all, fmt.Sprintf("%s %s %s", p.Verdict, p.Kind, p.Digest))
	}
	slices.Sort(all)
	return all
}

func TestVerifyOfASoundStore(t *testing.T) {
	s := openTest(t, t.TempDir())
	soundStore(t, s)
	check := unchanged(t, s)
	var calls atomic.Int64
	v, err := s.Verify(t.Context(), VerifyOptions{CheckLayer: checkText, Progress: func(done, total int64) {
		if calls.Add(1); done <= 0 || done > total {
			t.Errorf("%d of %d", done, total)
		}
	}})
	must(t, err)
	if len(v.Problems) > 0 || v.Objects != 9 || v.Bytes < 3<<20 || calls.Load() == 0 {
		t.Errorf("%d objects, %d bytes, %d steps, %q", v.Objects, v.Bytes, calls.Load(), describe(v))
	}
	check()
}

// TestVerifyFindsAnyDamage damages each file of a store in each way. Verify
// finds it, and after Mend nothing is left to be found.
func TestVerifyFindsAnyDamage(t *testing.T) {
	model := openTest(t, t.TempDir())
	soundStore(t, model)
	for _, name := range tree(t, model.dir) {
		if name == "VERSION" || strings.HasPrefix(name, "tmp/") {
			continue
		}
		for how := range filetest.Damages {
			t.Run(name[:min(20, len(name))]+"/"+how, func(t *testing.T) {
				s := openTest(t, t.TempDir())
				soundStore(t, s)
				must(t, filetest.Damage(filepath.Join(s.dir, name), how, true))
				v := verify(t, s)
				if want := how != "delete" || !strings.HasPrefix(name, "actions/") && strings.Contains(name, "/"); (len(v.Problems) > 0) != want {
					t.Errorf("found %q", describe(v))
				}
				for _, p := range v.Problems {
					if p.Kept != nil || p.Mended != (p.Verdict == Damaged) || p.Err == nil {
						t.Errorf("%+v", p)
					}
				}
				must(t, s.Mend(t.Context(), v.Problems))
				if v := verify(t, s); len(v.Problems) > 0 {
					t.Errorf("after mending: %q", describe(v))
				}
			})
		}
	}
}

func TestVerifySeesWhatDangles(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := soundStore(t, s)
	must(t, os.Remove(blobPath(t, s, a.Blobs[0])))
	v := verify(t, s)
	want := []string{"dangling action " + a.Key.String(), "dangling index.json " + a.Blobs[0].String()}
	slices.Sort(want)
	if got := describe(v); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	unlock, err := s.Lock(t.Context(), "action", a.Key) // someone makes it anew
	must(t, err)
	must(t, s.Mend(t.Context(), v.Problems))
	unlock()
	if got := describe(verify(t, s)); !slices.Equal(got, want[:1]) {
		t.Errorf("%q", got)
	}
	if x, err := s.readIndex(); err != nil || len(x.manifests) != 0 {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestVerifyOfOtherVersions leaves a later program's action alone, and finds
// damage to the number of the version.
func TestVerifyOfOtherVersions(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := soundStore(t, s)
	path, err := s.object(kindAction, a.Key)
	must(t, err)
	b, err := os.ReadFile(path)
	must(t, err)
	other := bytes.Replace(b, []byte(`"version":1`), []byte(`"version":2`), 1)
	overwrite(t, path, other)
	if v := verify(t, s); len(v.Problems) != 1 || v.Problems[0].Verdict != Damaged {
		t.Errorf("a wrong checksum: %q", describe(v))
	}
	whole := sealed(string(other[:len(other)-len(checksumStart)-64-len(checksumEnd)])) // the damaged one is in quarantine
	must(t, os.WriteFile(path, whole, 0o444))
	if v := verify(t, s); len(v.Problems) != 0 {
		t.Errorf("a right one: %q", describe(v))
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	s := openTest(t, t.TempDir())
	soundStore(t, s)
	for after := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		_, err := s.Verify(ctx, VerifyOptions{CheckLayer: func(ctx context.Context, l Layer, w *Work) error {
			cancel()
			return checkText(ctx, l, w)
		}, Progress: func(int64, int64) {
			if n.Add(1) > int64(after) {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		cancel()
	}
	if v := verify(t, s); len(v.Problems) != 0 {
		t.Errorf("%q", describe(v))
	}
}

// TestVerifyBesideOthers has objects come and go while it works.
func TestVerifyBesideOthers(t *testing.T) {
	s := openTest(t, t.TempDir())
	soundStore(t, s)
	var stop atomic.Bool
	var other errgroup.Group
	other.Go(func() error {
		for i := 0; !stop.Load(); i++ {
			if err := comeAndGo(t.Context(), s, i); err != nil {
				return err
			}
		}
		return nil
	})
	for range 30 {
		if v := verify(t, s); len(v.Problems) != 0 {
			t.Errorf("%q: %v", describe(v), v.Problems[0].Err)
		}
	}
	stop.Store(true)
	must(t, other.Wait())
}

// comeAndGo makes one of a few actions with its blob and removes both as gc
// does: first what names the other.
func comeAndGo(ctx context.Context, s *Store, i int) error {
	d, err := s.PutBlob(ctx, append(make([]byte, 1<<16), byte(i%5)))
	if err != nil {
		return err
	}
	key, preimage, err := ActionKey(map[string]int{"question": i % 7})
	if err != nil {
		return err
	}
	if err := s.PutAction(ctx, Action{Key: key, Preimage: preimage, Blobs: []digest.Digest{d}}); err != nil {
		return err
	}
	return errors.Join(os.Remove(s.path(kindAction.dir(), key.Encoded())), os.Remove(s.path(kindBlob.dir(), d.Encoded())))
}

func TestVerifyOfOthersStore(t *testing.T) {
	dir := os.Getenv(userEnv)
	if dir == "" {
		need.Root(t)
		dir = need.OpenDir(t)
		s := openTest(t, filepath.Join(dir, "store"))
		a := soundStore(t, s)
		must(t, filetest.Damage(blobPath(t, s, a.Blobs[1]), "flip", true))
		must(t, os.Chmod(blobPath(t, s, a.Blobs[1]), 0o444))
		must(t, os.Chmod(blobPath(t, s, a.Blobs[0]), 0o400))
		must(t, s.Close())
	}
	asUser(t, dir, func(t *testing.T) {
		s := openTest(t, filepath.Join(dir, "store"))
		check := unchanged(t, s)
		v := verify(t, s)
		want := []string{"damaged blob " + digest.FromString(strings.Repeat("blob", 1<<18)).String(), "unchecked blob " + digest.FromString("manifest").String()}
		if got := describe(v); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		for _, p := range v.Problems {
			if p.Verdict == Damaged && !errors.Is(p.Kept, ErrReadOnly) || p.Mended {
				t.Errorf("%+v", p)
			}
		}
		must(t, s.Mend(t.Context(), v.Problems))
		check()
	})
}

// TestMarks: what has been written to is hashed before it is used, and is
// marked again if it is sound.
func TestMarks(t *testing.T) {
	for _, how := range []string{"flip", "zero"} {
		s := openTest(t, t.TempDir())
		a := soundStore(t, s)
		art, err := s.Artifact(a.Artifact)
		must(t, err)
		for k, d := range map[kind]digest.Digest{kindBlob: a.Blobs[1], kindArtifact: art.Digest, kindLayer: digest.FromString("tar")} {
			path, err := s.object(k, d)
			must(t, err)
			if !marked(k, d, path) {
				t.Errorf("a new %s has no mark", k)
			}
			now := time.Now()
			must(t, os.Chtimes(filepath.Join(path, k.contents()[0]), now, now))
			if marked(k, d, path) {
				t.Errorf("a touched %s has its mark", k)
			}
		}
		checks := func() []error {
			_, artErr := s.CheckArtifact(t.Context(), art.Digest, false)
			return []error{s.CheckBlob(t.Context(), a.Blobs[1], false), artErr}
		}
		for _, err := range checks() {
			must(t, err)
		}
		if l, err := s.Layer(digest.FromString("tar")); err != nil || l.Untouched {
			t.Errorf("%+v, %v", l, err)
		} else if s.MarkLayer(l); !marked(kindLayer, l.DiffID, filepath.Dir(l.Pack)) {
			t.Error("the layer has no mark")
		}
		for k, d := range map[kind]digest.Digest{kindBlob: a.Blobs[1], kindArtifact: art.Digest} {
			if path, _ := s.object(k, d); !marked(k, d, path) {
				t.Errorf("a sound %s was not marked again", k)
			}
		}
		must(t, filetest.Damage(blobPath(t, s, a.Blobs[1]), how, false))
		must(t, filetest.Damage(art.Path, how, false))
		for _, err := range checks() {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %v", how, err)
			}
		}
	}
}

// TestMarkTellsSizes: who cuts a file and sets its time back has taken its mark
// away.
func TestMarkTellsSizes(t *testing.T) {
	s := openTest(t, t.TempDir())
	d := putText(t, s, "some text")
	for _, how := range []string{"truncate", "extend"} {
		must(t, filetest.Damage(blobPath(t, s, d), how, true))
		if marked(kindBlob, d, blobPath(t, s, d)) {
			t.Errorf("%s: it still has its mark", how)
		}
	}
}

// TestRottenIsSeenByDigestAlone has the mark say that nothing happened.
func TestRottenIsSeenByDigestAlone(t *testing.T) {
	s := openTest(t, t.TempDir())
	d := putText(t, s, "some text")
	must(t, filetest.Damage(blobPath(t, s, d), "flip", true))
	must(t, s.CheckBlob(t.Context(), d, false))
	if err := s.CheckBlob(t.Context(), d, true); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
}

// TestCommitReplacesWhatWasWrittenTo: equal size is not enough.
func TestCommitReplacesWhatWasWrittenTo(t *testing.T) {
	s := openTest(t, t.TempDir())
	soundStore(t, s)
	for _, name := range tree(t, s.dir) {
		if !strings.HasPrefix(name, "actions/") && strings.Contains(name, "/sha256/") {
			must(t, filetest.Damage(filepath.Join(s.dir, name), "flip", false))
		}
	}
	soundStore(t, s)
	if v := verify(t, s); len(v.Problems) != 0 {
		t.Errorf("%q", describe(v))
	}
	check := unchanged(t, s)
	soundStore(t, s) // what is sound stays
	check()
}

func TestPeekLeavesNoTrace(t *testing.T) {
	s := openTest(t, t.TempDir())
	a := soundStore(t, s)
	path, err := s.object(kindAction, a.Key)
	must(t, err)
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	must(t, os.Chtimes(path, long, long))
	got, use, err := s.PeekAction(a.Key)
	if err != nil || got.Artifact != a.Artifact || !use.Last.Equal(long) {
		t.Errorf("%+v, %v, %v", got, use, err)
	}
	n := 0
	list, err := s.List(t.Context(), nil)
	must(t, err)
	for _, r := range list {
		switch {
		case r.Action == nil:
			if b, err := s.PeekBlob(r.Manifest, 100); r.Name != "name" || err != nil || string(b) != "manifest" {
				t.Errorf("%q: %q, %v", r.Name, b, err)
			}
		case r.Action.Key == a.Key && !r.LastUse.Equal(long):
			t.Errorf("%+v", r)
		default:
			n++
		}
	}
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(long) || n != 2 {
		t.Errorf("%v, %v, %d actions", info.ModTime(), err, n)
	}
	if _, _, err := s.PeekAction(digest.FromString("x")); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnusable) {
		t.Errorf("%v", err)
	}
	must(t, os.RemoveAll(filepath.Join(s.dir, "artifacts/sha256", a.Artifact.Encoded())))
	if _, _, err := s.PeekAction(a.Key); !errors.Is(err, ErrNotFound) || !errors.Is(err, ErrUnusable) {
		t.Errorf("%v", err)
	}
	must(t, filetest.Damage(path, "flip", false))
	check := unchanged(t, s)
	if _, _, err := s.PeekAction(a.Key); !errors.Is(err, ErrUnusable) {
		t.Errorf("%v", err)
	}
	check()
}

// TestVerifyLetsGoOfWhatWent: what is found bad and has gone by then, or is
// another one, is no problem, and the other one stays.
func TestVerifyLetsGoOfWhatWent(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		s := openTest(t, t.TempDir())
		put := func() { must(t, putLayer(t, s, digest.FromString("tar"), "i", "p")) }
		put()
		v, err := s.Verify(t.Context(), VerifyOptions{CheckLayer: func(_ context.Context, l Layer, _ *Work) error {
			must(t, os.Rename(filepath.Dir(l.Pack), filepath.Join(t.TempDir(), "gone")))
			if replaced {
				put()
			}
			return ErrCorrupt
		}})
		must(t, err)
		if len(v.Problems) != 0 {
			t.Errorf("%q", describe(v))
		}
		if there := has(t, s, Object{KindLayer, digest.FromString("tar")}); there != replaced {
			t.Errorf("replaced: %v, and there: %v", replaced, there)
		}
	}
}
