package cas

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"
)

// age sets an object's stamp.
func age(t testing.TB, s *Store, o Object, at time.Time) {
	t.Helper()
	path, err := s.object(kind(o.Kind), o.Digest)
	must(t, err)
	must(t, os.Chtimes(path, at, at))
}

// gcStore makes a store of which nothing is in use: an old action with a
// blob, a young one with another, and a blob that nothing refers to.
type gcStore struct {
	*Store
	old, young  Action
	loose       digest.Digest
	oldB, yngB  digest.Digest
	begin, past time.Time
}

func newGCStore(t *testing.T) *gcStore {
	t.Helper()
	dir := t.TempDir()
	maker := openTest(t, dir)
	g := &gcStore{begin: time.Now(), past: time.Now().Add(-48 * time.Hour)}
	g.oldB, g.yngB, g.loose = putText(t, maker, "old"), putText(t, maker, "young"), putText(t, maker, "loose")
	g.old, g.young = putAction(t, maker, "old", g.oldB), putAction(t, maker, "young", g.yngB)
	age(t, maker, Object{KindAction, g.old.Key}, g.past)
	must(t, maker.Close())
	g.Store = openTest(t, dir)
	return g
}

func gc(t testing.TB, s *Store, o GCOptions) GCResult {
	t.Helper()
	res, err := s.GC(t.Context(), o)
	must(t, err)
	return res
}

// has says whether an object is there, without using it.
func has(t testing.TB, s *Store, o Object) bool {
	t.Helper()
	path, err := s.object(kind(o.Kind), o.Digest)
	must(t, err)
	_, err = os.Lstat(path)
	return err == nil
}

func (g *gcStore) expect(t *testing.T, want map[Object]bool) {
	t.Helper()
	for o, there := range want {
		if has(t, g.Store, o) != there {
			t.Errorf("%v is there: %v, want %v", o, !there, there)
		}
	}
}

func (g *gcStore) all() map[string]Object {
	return map[string]Object{
		"old": {KindAction, g.old.Key}, "oldB": {KindBlob, g.oldB},
		"young": {KindAction, g.young.Key}, "youngB": {KindBlob, g.yngB}, "loose": {KindBlob, g.loose},
	}
}

// expectGone wants these, and nothing else, to be gone.
func (g *gcStore) expectGone(t *testing.T, names ...string) {
	t.Helper()
	want := make(map[Object]bool)
	for name, o := range g.all() {
		want[o] = !slices.Contains(names, name)
	}
	g.expect(t, want)
}

func TestGC(t *testing.T) {
	for name, c := range map[string]struct {
		o    GCOptions
		gone []string
	}{
		"garbage within its grace": {GCOptions{Grace: time.Hour}, nil},
		"garbage":                  {GCOptions{}, []string{"loose"}},
		"by age":                   {GCOptions{Grace: time.Hour, OlderThan: 24 * time.Hour}, []string{"old", "oldB"}},
		"younger than that":        {GCOptions{Grace: time.Hour, OlderThan: 72 * time.Hour}, nil},
		"by size, to nothing":      {GCOptions{Grace: time.Hour, MaxSize: 1}, []string{"old", "oldB", "young", "youngB"}},
		"by size, the oldest":      {GCOptions{MaxSize: 4 * 4096}, []string{"loose"}},
		"within the size":          {GCOptions{Grace: time.Hour, MaxSize: 1 << 40}, nil},
		"only if over, within":     {GCOptions{MaxSize: 1 << 40, IfOver: true}, nil},
		"only if over, over":       {GCOptions{MaxSize: 1, IfOver: true}, []string{"loose", "old", "oldB", "young", "youngB"}},
		"all":                      {GCOptions{All: true, Grace: time.Hour}, []string{"loose", "old", "oldB", "young", "youngB"}},
		"dry run":                  {GCOptions{All: true, DryRun: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGCStore(t)
			before := g.bytes(t)
			res := gc(t, g.Store, c.o)
			g.expectGone(t, c.gone...)
			if after := g.bytes(t); res.Before != before || (res.After != after && !c.o.DryRun) {
				t.Errorf("said %d, then %d; it was %d, then %d", res.Before, res.After, before, after)
			}
			if n := res.Total(); n.Count != len(c.gone) && !c.o.DryRun || res.Before-res.After != n.Bytes || res.Failed != 0 {
				t.Errorf("%+v for %v", res, c.gone)
			}
		})
	}
}

func (g *gcStore) bytes(t *testing.T) int64 {
	t.Helper()
	st, err := g.takeStock(t.Context(), time.Now())
	must(t, err)
	return st.bytes()
}

// TestDryRunTouchesNothing, and says what the real run then does.
func TestDryRunTouchesNothing(t *testing.T) {
	g := newGCStore(t)
	must(t, g.QuarantineBlob(g.loose, errors.New("bad")))
	must(t, os.Mkdir(g.path("tmp", "1-DEAD"), 0o700))
	check := unchanged(t, g.Store)
	dry := gc(t, g.Store, GCOptions{All: true, DryRun: true})
	check()
	if _, err := os.Stat(g.path("locks", "gc")); !absent(err) {
		t.Error("it took the lock")
	}
	real := gc(t, g.Store, GCOptions{All: true})
	if dry.Total() != real.Total() || dry.After != real.After || real.Removed[KindQuarantine].Count != 2 || real.Removed[KindTemporary].Count != 1 {
		t.Errorf("dry %+v\nreal %+v", dry, real)
	}
}

// TestGCSparesTheLiving: what a living process uses stays, until it is dead.
func TestGCSparesTheLiving(t *testing.T) {
	g := newGCStore(t)
	kill := startHelper(t, "use", g.dir, string(g.old.Key))
	res := gc(t, g.Store, GCOptions{All: true})
	g.expectGone(t, "young", "youngB", "loose")
	if len(res.InUse) != 1 || res.InUse[0].Action.Key != g.old.Key {
		t.Errorf("in use: %+v", res.InUse)
	}
	kill()
	gc(t, g.Store, GCOptions{All: true})
	g.expectGone(t, "old", "oldB", "young", "youngB", "loose")
}

func useAction(dir string) error {
	s, err := Open(context.Background(), dir)
	if err != nil {
		return err
	}
	if _, err := s.Action(digest.Digest(os.Getenv(argEnv))); err != nil {
		return err
	}
	return readyUntilKilled()
}

// during is a References that does something between the planning and the
// sweep.
type during struct{ do func() }

func (d during) Action(Action, func(digest.Digest) []byte) []Reference {
	d.do()
	return nil
}
func (during) Manifest(digest.Digest, func(digest.Digest) []byte) []Reference { return nil }
func (during) Index([]byte) []digest.Digest                                   { return nil }

// TestGCSparesWhatIsUsedMeanwhile, by a process that has begun and ended
// between the planning and the sweep as well.
func TestGCSparesWhatIsUsedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, g *gcStore, s *Store)
		gone []string
	}{
		"a hit": {
			func(t *testing.T, g *gcStore, s *Store) {
				_, err := s.Action(g.old.Key)
				must(t, err)
			}, []string{"young", "youngB", "loose"},
		},
		"a new action": {
			func(t *testing.T, _ *gcStore, s *Store) {
				d, err := s.PutBlob(t.Context(), []byte("loose"))
				must(t, err)
				putAction(t, s, "new", d)
			}, []string{"old", "oldB", "young", "youngB"},
		},
		"a hit in a store that records nothing": {
			func(t *testing.T, g *gcStore, s *Store) {
				age(t, s, Object{KindAction, g.old.Key}, time.Now())
			}, []string{"young", "youngB", "loose"},
		},
	} {
		for _, ended := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				g := newGCStore(t)
				once := false
				gc(t, g.Store, GCOptions{All: true, References: during{func() {
					if once {
						return
					}
					once = true
					s := openTest(t, g.dir)
					c.do(t, g, s)
					if ended {
						must(t, s.Close())
					}
				}}})
				if !once {
					t.Fatal("nothing happened meanwhile")
				}
				g.expectGone(t, c.gone...)
			})
		}
	}
}

// TestGCDrop removes what is picked and what only that held, and nothing else.
func TestGCDrop(t *testing.T) {
	g := newGCStore(t)
	drop := func(r Root) bool { return r.Action != nil && r.Action.Key == g.young.Key }
	gc(t, g.Store, GCOptions{Drop: drop})
	g.expectGone(t, "young", "youngB")
}

func TestGCOfImages(t *testing.T) {
	g := newGCStore(t)
	manifest := putText(t, openTest(t, g.dir), "manifest") // used as long as the test runs
	desc := Descriptor{MediaType: "m", Digest: g.loose, Size: 5}
	tagger := openTest(t, g.dir)
	must(t, tagger.Tag(t.Context(), desc, "one"))
	must(t, tagger.Tag(t.Context(), desc, "two"))
	must(t, tagger.Tag(t.Context(), Descriptor{MediaType: "m", Digest: manifest, Size: 8}, "used"))
	must(t, tagger.Close())
	gc(t, g.Store, GCOptions{})
	g.expectGone(t)
	gc(t, g.Store, GCOptions{Drop: func(r Root) bool { return r.Name == "one" }})
	g.expectGone(t)
	if _, err := g.Tagged("one"); !errors.Is(err, ErrNotFound) {
		t.Errorf("one: %v", err)
	}
	res := gc(t, g.Store, GCOptions{MaxSize: 1})
	g.expectGone(t, "old", "oldB", "young", "youngB", "loose")
	if _, err := g.Tagged("used"); err != nil || !has(t, g.Store, Object{KindBlob, manifest}) || res.Removed[KindImage].Count != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestImageIsUsedByItsBuilds: an image is as old as what was built of it.
func TestImageIsUsedByItsBuilds(t *testing.T) {
	g := newGCStore(t)
	tagger := openTest(t, g.dir)
	for name, d := range map[string]digest.Digest{"old": g.oldB, "young": g.yngB} {
		must(t, tagger.Tag(t.Context(), Descriptor{MediaType: "m", Digest: d, Size: 5}, name))
		age(t, tagger, Object{KindBlob, d}, g.past)
	}
	must(t, tagger.Close())
	gc(t, g.Store, GCOptions{Grace: time.Hour, OlderThan: 24 * time.Hour})
	g.expectGone(t, "old", "oldB")
	if _, err := g.Tagged("young"); err != nil {
		t.Error(err)
	}
	if _, err := g.Tagged("old"); !errors.Is(err, ErrNotFound) {
		t.Errorf("old: %v", err)
	}
}

// TestFutureStamps: a last use in the future is one now, and ages from there.
func TestFutureStamps(t *testing.T) {
	g := newGCStore(t)
	for _, o := range g.all() {
		age(t, g.Store, o, time.Now().AddDate(50, 0, 0))
	}
	weekLater := func() time.Time { return time.Now().Add(7 * 24 * time.Hour) }
	o := GCOptions{Grace: time.Hour, OlderThan: 24 * time.Hour}
	list, err := g.List(t.Context(), nil)
	must(t, err)
	for _, l := range list {
		if l.LastUse.After(time.Now()) {
			t.Errorf("last use in the future: %v", l.LastUse)
		}
	}
	gc(t, g.Store, o)
	g.expectGone(t)
	o.now = weekLater
	gc(t, g.Store, o)
	g.expectGone(t, "old", "oldB", "young", "youngB", "loose")
}

// TestClockBack: the size limit trims what was all made in the future.
func TestClockBack(t *testing.T) {
	g := newGCStore(t)
	gc(t, g.Store, GCOptions{MaxSize: 1, Grace: time.Hour, now: func() time.Time { return time.Now().AddDate(-20, 0, 0) }})
	g.expectGone(t, "old", "oldB", "young", "youngB")
}

func TestGCOfDamagedActions(t *testing.T) {
	g := newGCStore(t)
	path, err := g.object(kindAction, g.young.Key)
	must(t, err)
	overwrite(t, path, []byte("{"))
	must(t, os.Remove(blobPath(t, g.Store, g.oldB))) // of an action 48 hours old
	gc(t, g.Store, GCOptions{Grace: time.Hour})
	g.expectGone(t, "old", "oldB")
	gc(t, g.Store, GCOptions{})
	g.expectGone(t, "old", "oldB", "young", "youngB", "loose")
}

func TestOneGC(t *testing.T) {
	g := newGCStore(t)
	held, err := g.disk.tryLockFile(g.path("locks", "gc"), unix.LOCK_EX)
	must(t, err)
	if _, err := g.GC(t.Context(), GCOptions{All: true, NoWait: true}); !errors.Is(err, ErrBusy) {
		t.Errorf("beside another: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.GC(ctx, GCOptions{All: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v", err)
	}
	g.expectGone(t)
	unlockFile(held)
	gc(t, g.Store, GCOptions{All: true, NoWait: true})
	g.expectGone(t, "old", "oldB", "young", "youngB", "loose")
}
