package cas

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
)

// Listed is a root with what it holds, and the allocated bytes of that.
type Listed struct {
	Root
	// Holds are the objects, there or not, each once.
	Holds []Object
	// Bytes are all that it holds, Own those that nothing else holds.
	Bytes, Own int64
}

// List returns the store's actions that can be read and its images, those used
// last first. It records no use and changes nothing.
func (s *Store) List(ctx context.Context, refs References) ([]Listed, error) {
	st, all, err := s.examine(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("list store %s: %w", s.dir, err)
	}
	holders := countHolders(all.all)
	var list []Listed
	for _, r := range slices.Backward(all.all) {
		if r.Action != nil && r.Action.Preimage == nil {
			continue // damaged
		}
		l := Listed{Root: r.Root, Holds: distinct(r.holds)}
		for _, o := range l.Holds {
			l.Bytes += st.objects[o].bytes
			if holders[o] == 1 {
				l.Own += st.objects[o].bytes
			}
		}
		list = append(list, l)
	}
	return list, nil
}

// Usage is what a store takes.
type Usage struct {
	// Kinds are the objects by kind, and KindQuarantine and KindTemporary.
	// What living processes are making is not counted.
	Kinds map[string]Amount
	// Unheld is what nothing refers to.
	Unheld Amount
	// Packed are blobs whose content is there unpacked as well.
	Packed Amount
	// Shared are the layers that more than one image holds. Their bytes count
	// each layer once, and Saved is what further copies of them would take.
	Shared Amount
	Saved  int64
}

// Usage measures the store, in allocated bytes as [Store.GC] does.
func (s *Store) Usage(ctx context.Context, refs References) (Usage, error) {
	st, all, err := s.examine(ctx, refs)
	if err != nil {
		return Usage{}, fmt.Errorf("measure store %s: %w", s.dir, err)
	}
	u := Usage{Kinds: make(map[string]Amount)}
	count := func(kind string, bytes int64) {
		a := u.Kinds[kind]
		a.add(bytes)
		u.Kinds[kind] = a
	}
	holders := countHolders(all.all)
	for o, h := range st.objects {
		count(o.Kind, h.bytes)
		if holders[o] == 0 {
			u.Unheld.add(h.bytes)
		}
		if layer, ok := all.unpacked[o]; ok && st.has(layer) {
			u.Packed.add(h.bytes)
		}
	}
	for _, l := range st.litter {
		count(l.kind, l.bytes)
	}
	for o, n := range imagesOfLayers(all) {
		if h, there := st.objects[o]; there && n > 1 {
			u.Shared.add(h.bytes)
			u.Saved += int64(n-1) * h.bytes
		}
	}
	return u, nil
}

func (s *Store) examine(ctx context.Context, refs References) (*stock, *roots, error) {
	st, err := s.takeStock(ctx, time.Now())
	if err != nil {
		return nil, nil, err
	}
	all, err := s.findRoots(ctx, refs, st)
	return st, all, err
}

func countHolders(all []*root) map[Object]int {
	holders := make(map[Object]int)
	for _, r := range all {
		for _, o := range distinct(r.holds) {
			holders[o]++
		}
	}
	return holders
}

func distinct(objects []Object) []Object {
	sorted := slices.Clone(objects)
	slices.SortFunc(sorted, compareObjects)
	return slices.Compact(sorted)
}

// imagesOfLayers counts the images that hold each layer. An image is one
// manifest, however many names and actions it has.
func imagesOfLayers(all *roots) map[Object]int {
	seen := make(map[[2]digest.Digest]bool)
	counts := make(map[Object]int)
	for _, r := range all.all {
		for _, o := range r.holds {
			pair := [2]digest.Digest{r.Manifest, o.Digest}
			if o.Kind == KindLayer && r.Manifest != "" && !seen[pair] {
				seen[pair] = true
				counts[o]++
			}
		}
	}
	return counts
}
