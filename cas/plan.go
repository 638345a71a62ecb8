package cas

import (
	"cmp"
	"slices"
	"time"
)

// plan is what a gc removes, roots before what they hold.
type plan struct {
	roots   []*root
	objects []Object
	litter  []litter
	inUse   []Root  // roots that were to go and are used
	kept    []*root // those that stay
}

// planner makes a plan. It is a pure function of what it is given.
type planner struct {
	plan
	o        GCOptions
	stock    *stock
	used     map[Object]bool
	holders  map[Object]int  // how many roots hold an object that is there
	released map[Object]bool // a root that is to go held it
	gone     map[Object]bool
	bytes    int64 // what remains
}

func makePlan(st *stock, all *roots, used map[Object]bool, o GCOptions) *plan {
	p := &planner{
		o: o, stock: st, used: used, bytes: st.bytes(),
		holders: make(map[Object]int), released: make(map[Object]bool), gone: make(map[Object]bool),
	}
	for _, r := range all.all {
		slices.SortFunc(r.holds[1:], compareObjects)
		r.holds = slices.Compact(r.holds)
		for _, o := range r.holds {
			p.holders[o]++
		}
	}
	p.dropRoots(all.all)
	if o.Drop == nil {
		p.dropLitter()
	}
	p.dropUnheld()
	if o.MaxSize > 0 && o.Drop == nil {
		p.shrink(all.unpacked)
	}
	p.stage()
	return &p.plan
}

func compareObjects(a, b Object) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Digest, b.Digest))
}

// dropRoots drops those that the options name, whatever the size.
func (p *planner) dropRoots(all []*root) {
	for _, r := range all {
		switch {
		case !p.unwanted(r):
			p.kept = append(p.kept, r)
		case p.used[r.self()]:
			p.inUse = append(p.inUse, r.Root)
			p.kept = append(p.kept, r)
		default:
			p.drop(r)
		}
	}
}

func (p *planner) unwanted(r *root) bool {
	if p.o.Drop != nil {
		return p.o.Drop(r.Root)
	}
	age := p.stock.now.Sub(r.LastUse)
	return p.o.All || (p.o.OlderThan > 0 && age >= p.o.OlderThan) || (r.broken && age >= p.o.Grace)
}

func (p *planner) drop(r *root) {
	p.roots = append(p.roots, r)
	for _, o := range r.holds {
		p.holders[o]--
		p.released[o] = true
	}
}

func (p *planner) dropLitter() {
	for _, l := range p.stock.litter {
		if p.o.All || !l.stays {
			p.litter = append(p.litter, l)
			p.bytes -= l.bytes
		}
	}
}

// dropUnheld removes what no root holds, unless it is used, or so young that
// somebody may be about to refer to it.
func (p *planner) dropUnheld() {
	for o, h := range p.stock.objects {
		old := p.o.Drop == nil && (p.o.All || p.stock.now.Sub(h.time) >= p.o.Grace)
		if p.holders[o] == 0 && (p.released[o] || old) {
			p.remove(o)
		}
	}
}

func (p *planner) remove(o Object) {
	h, there := p.stock.objects[o]
	if there && !p.used[o] && !p.gone[o] {
		p.gone[o] = true
		p.bytes -= h.bytes
	}
}

// shrink removes more until the limit holds, or nothing is left to remove.
func (p *planner) shrink(unpacked map[Object]Object) {
	for _, blob := range p.byAge(unpacked) {
		if p.bytes <= p.o.MaxSize {
			return
		}
		if layer := unpacked[blob]; p.stock.has(layer) && !p.gone[layer] {
			p.remove(blob)
		}
	}
	p.shrinkPartials()
	// The roots are in the order of their last use.
	for _, images := range []bool{false, true} {
		p.kept = slices.DeleteFunc(p.kept, func(r *root) bool {
			if p.bytes <= p.o.MaxSize || (r.Action == nil) != images || p.used[r.self()] {
				return false
			}
			p.drop(r)
			for _, o := range r.holds {
				if p.holders[o] == 0 {
					p.remove(o)
				}
			}
			return true
		})
	}
}

// shrinkPartials drops the beginnings of blobs, the oldest first, until the
// limit holds.
func (p *planner) shrinkPartials() {
	for _, l := range slices.Backward(p.stock.litter) { // of partials, the youngest is the first
		if l.stays && p.bytes > p.o.MaxSize && !p.o.All {
			p.litter = append(p.litter, l)
			p.bytes -= l.bytes
		}
	}
}

func (p *planner) byAge(unpacked map[Object]Object) []Object {
	var blobs []Object
	for o := range unpacked {
		if p.stock.has(o) {
			blobs = append(blobs, o)
		}
	}
	slices.SortFunc(blobs, p.compareAge)
	return blobs
}

func (p *planner) compareAge(a, b Object) int {
	return cmp.Or(p.timeOf(a).Compare(p.timeOf(b)), compareObjects(a, b))
}

func (p *planner) timeOf(o Object) time.Time { return p.stock.objects[o].time }

// stage puts what goes into an order: actions first, since they name others.
func (p *planner) stage() {
	for o := range p.gone {
		p.objects = append(p.objects, o)
	}
	slices.SortFunc(p.objects, compareObjects) // KindAction is the first
}
