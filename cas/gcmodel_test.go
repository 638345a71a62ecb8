package cas

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"pgregory.net/rapid"
)

// gcWorld is a random store and what its model knows of it.
type gcWorld struct {
	*rapid.T
	s       *Store
	user    *Store // the living
	now     time.Time
	ages    map[Object]time.Duration
	bytes   map[Object]int64
	used    map[Object]bool
	roots   []*modelRoot
	refs    map[digest.Digest][]Reference // by action key or manifest
	objects []Object
}

type modelRoot struct {
	self  Object
	holds map[Object]bool
	image string // its name, "" for an action
	age   time.Duration
}

func (w *gcWorld) Action(a Action, _ func(digest.Digest) []byte) []Reference { return w.refs[a.Key] }

func (w *gcWorld) Manifest(d digest.Digest, _ func(digest.Digest) []byte) []Reference {
	return w.refs[d]
}

func (w *gcWorld) Index([]byte) []digest.Digest { return nil }

var drawnAges = []time.Duration{-time.Hour, 0, 30 * time.Minute, 2 * time.Hour, 30 * time.Hour, 31 * time.Hour, 60 * time.Hour}

func drawGCWorld(t *rapid.T, tb testing.TB) *gcWorld {
	dir, err := os.MkdirTemp(tb.TempDir(), "store")
	must(tb, err)
	w := &gcWorld{
		T: t, s: openTest(tb, dir), user: openTest(tb, dir), now: time.Now(), ages: make(map[Object]time.Duration),
		bytes: make(map[Object]int64), used: make(map[Object]bool), refs: make(map[digest.Digest][]Reference),
	}
	maker := openTest(tb, dir)
	for i := range 7 {
		d, err := maker.PutBlob(tb.Context(), make([]byte, 1+i*5000))
		must(tb, err)
		w.objects = append(w.objects, Object{KindBlob, d})
	}
	for i := range 3 {
		d := digest.FromString(fmt.Sprint("layer", i))
		must(tb, putTestLayer(tb, maker, d, string(make([]byte, i*9000))))
		w.objects = append(w.objects, Object{KindLayer, d})
	}
	a := putArtifact(tb, maker, func(f *os.File) error { _, err := f.Write([]byte{1}); return err })
	b := putSkeleton(tb, maker, "an image", Bodies{
		Layers: []digest.Digest{w.objects[7].Digest, w.objects[8].Digest, w.objects[9].Digest},
		List:   []Body{{Offset: 1, Layer: 2, Length: 2}, {Offset: 3, Layer: 1, Length: 3}},
	})
	w.objects = append(w.objects, Object{KindArtifact, a.Digest}, Object{KindArtifact, b.Digest})
	w.drawRoots(tb, maker)
	must(tb, maker.Close())
	w.drawAgesAndUses(tb)
	return w
}

func putTestLayer(tb testing.TB, s *Store, d digest.Digest, pack string) error {
	tb.Helper()
	l, err := s.NewLayer()
	must(tb, err)
	defer l.Abort()
	_, err = io.WriteString(l.Pack(), pack)
	must(tb, err)
	return l.Commit(tb.Context(), d)
}

func (w *gcWorld) drawRoots(tb testing.TB, maker *Store) {
	blobs, layers, artifacts := w.objects[:7], w.objects[7:10], w.objects[10:12]
	for i := range rapid.IntRange(0, 4).Draw(w.T, "actions") {
		key, preimage, err := ActionKey(i)
		must(tb, err)
		a := Action{Key: key, Preimage: preimage}
		for _, o := range rapid.SliceOfN(rapid.SampledFrom(blobs), 0, 2).Draw(w.T, "blobs") {
			a.Blobs = append(a.Blobs, o.Digest)
		}
		if rapid.Bool().Draw(w.T, "has artifact") {
			a.Artifact = rapid.SampledFrom(artifacts).Draw(w.T, "artifact").Digest
		}
		must(tb, maker.PutAction(tb.Context(), a))
		self, names := Object{KindAction, key}, a.names()
		if a.Artifact == artifacts[1].Digest {
			names = append(names, layers[1], layers[2]) // where its bodies are
		}
		w.objects = append(w.objects, self)
		w.drawRefs(key, blobs, layers)
		w.addRoot(self, "", names)
	}
	for i := range rapid.IntRange(0, 2).Draw(w.T, "images") {
		self, name := blobs[i], fmt.Sprint("image", i)
		must(tb, maker.Tag(tb.Context(), Descriptor{MediaType: "m", Digest: self.Digest, Size: 1}, name))
		w.drawRefs(self.Digest, blobs, layers)
		w.addRoot(self, name, nil)
	}
}

// drawRefs draws compressed layers with what makes them dispensable.
func (w *gcWorld) drawRefs(of digest.Digest, blobs, layers []Object) {
	for range rapid.IntRange(0, 2).Draw(w.T, "refs") {
		i := rapid.IntRange(0, 2).Draw(w.T, "layer")
		w.refs[of] = append(w.refs[of], Reference{Object: blobs[4+i], Unpacked: layers[i].Digest}, Reference{Object: layers[i]})
	}
}

func (w *gcWorld) addRoot(self Object, image string, names []Object) {
	r := &modelRoot{self: self, image: image, holds: map[Object]bool{self: true}}
	for _, o := range names {
		r.holds[o] = true
	}
	for _, ref := range w.refs[self.Digest] {
		r.holds[ref.Object] = true
	}
	w.roots = append(w.roots, r)
}

func (w *gcWorld) drawAgesAndUses(tb testing.TB) {
	st, err := w.s.takeStock(tb.Context(), w.now)
	must(tb, err)
	for _, o := range w.objects {
		a := rapid.SampledFrom(drawnAges).Draw(w.T, "age")
		age(tb, w.s, o, w.now.Add(-a))
		w.ages[o] = max(a, 0)
		w.bytes[o] = st.objects[o].bytes
		if rapid.IntRange(0, 6).Draw(w.T, "used") == 0 {
			must(tb, w.user.use(o))
			w.used[o] = true
		}
	}
	for _, r := range w.roots {
		r.age = w.ages[r.self]
	}
	for _, r := range w.roots {
		for _, user := range w.roots {
			if r.image != "" && user.image == "" && user.holds[r.self] {
				r.age = min(r.age, user.age)
			}
		}
	}
}

// base is what must be left, but for a limit of size, and the roots that are.
func (w *gcWorld) base(o GCOptions) (map[Object]bool, []*modelRoot) {
	left, released := make(map[Object]bool), make(map[Object]bool)
	var kept []*modelRoot
	for _, r := range w.roots {
		wanted := !o.All && (o.OlderThan == 0 || r.age < o.OlderThan)
		if wanted || w.used[r.self] {
			kept = append(kept, r)
		}
		for h := range r.holds {
			if wanted || w.used[r.self] {
				left[h] = true
			} else {
				released[h] = true
			}
		}
	}
	for _, obj := range w.objects {
		young := !o.All && !released[obj] && w.ages[obj] < o.Grace
		if young || w.used[obj] {
			left[obj] = true
		}
	}
	return left, kept
}

func (w *gcWorld) sum(objects map[Object]bool) (n int64) {
	for o := range objects {
		n += w.bytes[o]
	}
	return n
}

func (w *gcWorld) left(tb testing.TB) map[Object]bool {
	left := make(map[Object]bool)
	for _, o := range w.objects {
		if has(tb, w.s, o) {
			left[o] = true
		}
	}
	return left
}

func (w *gcWorld) isLeft(r *modelRoot, left map[Object]bool) bool {
	if r.image == "" {
		return left[r.self]
	}
	_, err := w.s.Tagged(r.image)
	return err == nil
}

func drawGCOptions(t *rapid.T) GCOptions {
	return GCOptions{
		Grace:     rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "grace"),
		OlderThan: rapid.SampledFrom([]time.Duration{0, 0, 24 * time.Hour}).Draw(t, "older than"),
		MaxSize:   rapid.SampledFrom([]int64{0, 1, 50_000, 100_000, 150_000}).Draw(t, "max size"),
		All:       rapid.IntRange(0, 4).Draw(t, "all") == 0,
	}
}

// TestGCAgainstModel holds gc to a model that knows nothing of how it works.
func TestGCAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawGCWorld(rt, t)
		o := drawGCOptions(rt)
		o.References, o.now = w, func() time.Time { return w.now }
		want, kept := w.base(o)
		res, err := w.s.GC(t.Context(), o)
		must(t, err)
		got := w.left(t)
		if o.MaxSize == 0 || w.sum(want) <= o.MaxSize {
			if !maps.Equal(got, want) {
				rt.Fatalf("%+v\nleft %v\nwant %v", o, got, want)
			}
		} else {
			w.checkShrunk(o, want, got, kept)
		}
		if after := w.sum(got); res.After != after || res.Before != w.sum(w.everything()) {
			rt.Fatalf("said %d after %d, and it is %d", res.After, res.Before, after)
		}
	})
}

func (w *gcWorld) everything() map[Object]bool {
	all := make(map[Object]bool)
	for _, o := range w.objects {
		all[o] = true
	}
	return all
}

// checkShrunk checks what a limit of size has left of want.
func (w *gcWorld) checkShrunk(o GCOptions, want, got map[Object]bool, kept []*modelRoot) {
	for obj := range want {
		if !got[obj] && w.used[obj] {
			w.Fatalf("%v is used and gone", obj)
		}
	}
	for obj := range got {
		if !want[obj] {
			w.Fatalf("%v should have gone before", obj)
		}
	}
	dispensable := w.dispensable(want)
	var gone, there []*modelRoot
	for _, r := range kept {
		if !w.isLeft(r, got) {
			gone = append(gone, r)
			continue
		}
		there = append(there, r)
		for h := range r.holds {
			if !got[h] && !dispensable[h] && want[h] && slices.Contains(w.objects, h) {
				w.Fatalf("%v is left without %v", r.self, h)
			}
		}
	}
	w.checkOrder(gone, there, got, dispensable)
	if w.sum(got) > o.MaxSize && slices.ContainsFunc(there, func(r *modelRoot) bool { return !w.used[r.self] }) {
		w.Fatalf("%d bytes are left, and more could go", w.sum(got))
	}
	w.checkMinimal(o, want, got, gone)
}

// checkMinimal: with the roots that went last, of which there may be several
// of one age, it would be too much.
func (w *gcWorld) checkMinimal(o GCOptions, want, got map[Object]bool, gone []*modelRoot) {
	if len(gone) == 0 {
		return
	}
	order := func(a, b *modelRoot) int {
		return cmp.Or(cmp.Compare(min(1, len(a.image)), min(1, len(b.image))), cmp.Compare(b.age, a.age))
	}
	last := slices.MaxFunc(gone, order)
	with := maps.Clone(got)
	for _, r := range gone {
		for h := range r.holds {
			if order(r, last) == 0 && want[h] {
				with[h] = true
			}
		}
	}
	if w.sum(with) <= o.MaxSize {
		w.Fatalf("%v need not have gone: %d bytes", last.self, w.sum(with))
	}
}

// dispensable are the blobs whose layer is there.
func (w *gcWorld) dispensable(want map[Object]bool) map[Object]bool {
	all := make(map[Object]bool)
	for _, refs := range w.refs {
		for _, ref := range refs {
			if ref.Unpacked != "" && want[Object{KindLayer, ref.Unpacked}] {
				all[ref.Object] = true
			}
		}
	}
	return all
}

// checkOrder: dispensable blobs before actions, those used least recently
// first, and images last.
func (w *gcWorld) checkOrder(gone, there []*modelRoot, got, dispensable map[Object]bool) {
	for _, g := range gone {
		for obj := range dispensable {
			if got[obj] && !w.used[obj] {
				w.Fatalf("%v has gone before the dispensable %v", g.self, obj)
			}
		}
		for _, r := range there {
			if w.used[r.self] {
				continue
			}
			if g.image != "" && r.image == "" {
				w.Fatalf("image %v has gone before action %v", g.self, r.self)
			}
			if (g.image == "") == (r.image == "") && g.age < r.age {
				w.Fatalf("%v has gone before %v, which is older", g.self, r.self)
			}
		}
	}
}
