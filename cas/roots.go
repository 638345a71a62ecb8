package cas

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"
)

// References knows what objects refer to beyond what the store itself knows:
// the artifact and the blobs of an action, the manifest of an image. It is
// asked about objects that are there, gets at others through read, which
// returns nil for what is absent, damaged or larger than a manifest may be,
// and never fails: what it cannot understand refers to nothing.
type References interface {
	// Action returns what an action refers to.
	Action(a Action, read func(digest.Digest) []byte) []Reference
	// Manifest returns what an image's manifest refers to, the manifest itself
	// not included.
	Manifest(d digest.Digest, read func(digest.Digest) []byte) []Reference
	// Index returns the manifests that blob lists, if it is an image index.
	// It is kept as long as one of them.
	Index(blob []byte) []digest.Digest
}

// Reference is an object that another one refers to.
type Reference struct {
	Object
	// Unpacked is the layer that makes a blob dispensable, because it holds
	// the same unpacked; "" for all other objects.
	Unpacked digest.Digest
	// Image says that the blob is the manifest of the image that an action is
	// about.
	Image bool
}

// maxReferrer bounds what is read of a blob to find what it refers to.
const maxReferrer = 4 << 20

// root is a Root with everything that it keeps.
type root struct {
	Root
	holds  []Object // the action or the manifest itself first
	broken bool     // an action that is damaged, or names what is absent
}

// self is the object whose use means the root's.
func (r *root) self() Object { return r.holds[0] }

// title names the root for people.
func (r *root) title() string { return cmp.Or(r.Name, r.self().Digest.String()) }

// rootFinder finds the roots of a stock and what they hold.
type rootFinder struct {
	s     *Store
	refs  References
	stock *stock
	// unpacked has the layers that make blobs dispensable.
	unpacked map[Object]Object
	roots    []*root
}

// roots is what findRoots finds.
type roots struct {
	all      []*root
	unpacked map[Object]Object
}

func (s *Store) findRoots(ctx context.Context, refs References, st *stock) (*roots, error) {
	f := &rootFinder{s: s, refs: refs, stock: st, unpacked: make(map[Object]Object)}
	for o := range st.objects {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if o.Kind == KindAction {
			f.addAction(o)
		}
	}
	if err := f.addImages(); err != nil {
		return nil, err
	}
	f.addIndexes()
	f.subordinate()
	slices.SortFunc(f.roots, func(a, b *root) int {
		return cmp.Or(a.LastUse.Compare(b.LastUse), cmp.Compare(a.self().Digest, b.self().Digest), cmp.Compare(a.Name, b.Name))
	})
	return &roots{f.roots, f.unpacked}, nil
}

func (f *rootFinder) addAction(o Object) {
	r := &root{Root: Root{Action: &Action{Key: o.Digest}, LastUse: f.stock.objects[o].time}, holds: []Object{o}}
	f.roots = append(f.roots, r)
	path, err := f.s.object(kindAction, o.Digest)
	if err != nil {
		return
	}
	a, err := readAction(path, o.Digest)
	if err != nil {
		r.broken = true
		return
	}
	r.Action = &a
	r.holds = append(r.holds, a.names()...)
	if m := f.s.peekManifest(a.Artifact); m != nil {
		r.holds = append(r.holds, m.layers()...)
	}
	r.broken = slices.ContainsFunc(r.holds, func(o Object) bool { return !f.stock.has(o) })
	if f.refs != nil {
		f.follow(r, f.refs.Action(a, f.read))
	}
}

// addImages adds the entries of index.json. A damaged one keeps nothing.
func (f *rootFinder) addImages() error {
	x, err := f.s.readIndex()
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range x.manifests {
		if _, err := encoded(e.desc.Digest); err != nil {
			continue
		}
		o := Object{KindBlob, e.desc.Digest}
		r := &root{Root: Root{Manifest: o.Digest, Name: e.annotations[annotationRefName], LastUse: f.stock.objects[o].time}, holds: []Object{o}}
		if f.refs != nil {
			f.follow(r, f.refs.Manifest(o.Digest, f.read))
		}
		f.roots = append(f.roots, r)
	}
	return nil
}

// follow adds references to what a root holds.
func (f *rootFinder) follow(r *root, refs []Reference) {
	for _, ref := range refs {
		if _, err := encoded(ref.Digest); err != nil {
			continue
		}
		r.holds = append(r.holds, ref.Object)
		if ref.Unpacked != "" {
			f.unpacked[ref.Object] = Object{KindLayer, ref.Unpacked}
		}
		if ref.Image {
			r.Manifest = ref.Digest
		}
	}
}

// addIndexes keeps each image index with the manifests that it lists, and
// takes an action's use for the image's too.
func (f *rootFinder) addIndexes() {
	byBlob := make(map[digest.Digest][]*root)
	for _, r := range f.roots {
		for _, o := range r.holds {
			if o.Kind == KindBlob {
				byBlob[o.Digest] = append(byBlob[o.Digest], r)
			}
		}
	}
	for _, r := range f.roots {
		if r.Action != nil {
			continue
		}
		for _, user := range byBlob[r.Manifest] {
			if user.Action != nil && user.LastUse.After(r.LastUse) {
				r.LastUse = user.LastUse
			}
		}
	}
	if f.refs == nil {
		return
	}
	for o := range f.stock.objects {
		if o.Kind != KindBlob || byBlob[o.Digest] != nil {
			continue
		}
		for _, d := range f.refs.Index(f.read(o.Digest)) {
			for _, r := range byBlob[d] {
				r.holds = append(r.holds, o)
			}
		}
	}
}

// subordinate takes the actions that other roots hold for no roots: they go
// with those. Their use is the use of an image that holds them.
func (f *rootFinder) subordinate() {
	held := make(map[Object]bool)
	for _, r := range f.roots {
		for _, o := range r.holds[1:] {
			if o.Kind != KindAction || o == r.self() || !f.stock.has(o) {
				continue
			}
			held[o] = true
			if t := f.stock.objects[o].time; r.Action == nil && t.After(r.LastUse) {
				r.LastUse = t
			}
		}
	}
	f.roots = slices.DeleteFunc(f.roots, func(r *root) bool { return r.Action != nil && held[r.self()] })
}

// read returns a small blob, or nil. It neither records a use nor moves what
// is damaged.
func (f *rootFinder) read(d digest.Digest) []byte {
	path, err := f.s.object(kindBlob, d)
	if err != nil {
		return nil
	}
	b, err := readSmall(path, maxReferrer)
	if err != nil || matches(b, d) != nil {
		return nil
	}
	return b
}
