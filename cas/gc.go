package cas

import (
	"context"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// DefaultGrace is how long something that nothing refers to is kept by
// default: a build that was interrupted finds its layers again.
const DefaultGrace = time.Hour

// GCOptions say what [Store.GC] removes. The zero value removes what is damaged
// and what nothing refers to, whatever its age.
type GCOptions struct {
	// References knows what objects refer to; see [References]. Nil knows
	// nothing, so that only what actions name is kept with them.
	References References
	// Grace is the age below which what nothing refers to stays.
	Grace time.Duration
	// OlderThan drops the actions and images that were not used for so long;
	// 0 drops none for its age.
	OlderThan time.Duration
	// MaxSize is what the store may take at most, in allocated bytes; 0 is no
	// limit. What goes first: blobs whose content is there unpacked, then the
	// beginnings of blobs, then the actions used least recently with what only
	// they hold, then images.
	MaxSize int64
	// All drops everything that no living process uses.
	All bool
	// Drop, if not nil, drops the roots that it picks, and with them what
	// only they held; nothing else is removed then.
	Drop func(Root) bool
	// DryRun changes nothing and says what would go.
	DryRun bool
	// IfOver removes nothing at all as long as the store is within MaxSize.
	IfOver bool
	// NoWait makes a GC beside another one an [ErrBusy], instead of waiting.
	NoWait bool
	// OnRemove, if not nil, is told of everything that goes.
	OnRemove func(Removal)

	now func() time.Time // nil is time.Now
}

// Root is what keeps objects in the store: an action, or an image, which is an
// entry of index.json.
type Root struct {
	// Action is the action, or nil for an image.
	Action *Action
	// Manifest is the digest of the image, or of the one that the action is
	// about, "" if it is about none. Name is the image's name in index.json,
	// which may be "".
	Manifest digest.Digest
	Name     string
	// LastUse is never in the future.
	LastUse time.Time
}

// The kinds of removals beside those of objects.
const (
	KindImage      = "image"      // an entry of index.json
	KindQuarantine = "quarantine" // a file in quarantine
	KindTemporary  = "temporary"  // what a process that died left in tmp
)

// Removal is one thing that went, or would go.
type Removal struct {
	Kind  string
	Name  string // the digest of an object, the name of anything else
	Bytes int64  // allocated
}

// GCResult says what a GC did, or would do.
type GCResult struct {
	Removed map[string]Amount // by kind
	// Before and After are the allocated bytes of all that gc looks at.
	Before, After int64
	// InUse are the roots that Drop picked and that stay, because a living
	// process uses them.
	InUse []Root
	// Failed is how much could not be removed: other users' objects, mostly.
	Failed int
}

// Amount is a number of things and the bytes that are allocated for them.
type Amount struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(bytes int64) {
	a.Count++
	a.Bytes += bytes
}

// Total sums up what was removed.
func (r *GCResult) Total() Amount {
	var sum Amount
	for _, a := range r.Removed {
		sum.Count += a.Count
		sum.Bytes += a.Bytes
	}
	return sum
}

// GC removes what the options say, while other processes work with the store:
// what a living one uses stays, and none is held up for more than the few
// milliseconds that a batch takes. There is one gc at a time. What is kept is
// whole at every moment, also when gc is killed.
//
// Sizes are allocated bytes. Blocks that files share by reflink count for each
// of them, and removing one of them frees less than that.
//
// A store without dependable locks is an [ErrNoLocks], one that the caller may
// not write to an [ErrReadOnly]; a DryRun is possible there too. On a full
// disk gc works as long as nobody else has the store open, and is else an
// [ErrBusy].
func (s *Store) GC(ctx context.Context, o GCOptions) (GCResult, error) {
	if o.now == nil {
		o.now = time.Now
	}
	c := &collector{s: s, o: o, now: o.now(), used: make(map[Object]bool)}
	c.result.Removed = make(map[string]Amount)
	if err := c.run(ctx); err != nil {
		return c.result, fmt.Errorf("collect garbage in %s: %w", s.dir, Classify(err))
	}
	return c.result, nil
}

// collector is one run of gc.
type collector struct {
	s       *Store
	o       GCOptions
	now     time.Time
	access  access
	used    map[Object]bool // by the living
	stock   *stock
	plan    *plan
	result  GCResult
	removed int64 // bytes
}

func (c *collector) run(ctx context.Context) error {
	release, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer release()
	if c.stock, err = c.s.takeStock(ctx, c.now); err != nil {
		return err
	}
	c.result.Before = c.stock.bytes()
	c.result.After = c.result.Before
	if c.o.IfOver && c.result.Before <= c.o.MaxSize {
		return nil
	}
	roots, err := c.s.findRoots(ctx, c.o.References, c.stock)
	if err != nil {
		return err
	}
	c.plan = makePlan(c.stock, roots, c.used, c.o)
	if c.o.DryRun {
		c.pretend()
	} else {
		err = c.sweep(ctx)
	}
	c.result.After = c.result.Before - c.removed
	return err
}

// pretend counts all that sweep would remove.
func (c *collector) pretend() {
	for _, r := range c.plan.roots {
		if r.Action == nil {
			c.count(Removal{KindImage, r.title(), 0})
		}
	}
	for _, o := range c.plan.objects {
		c.count(Removal{o.Kind, o.Digest.String(), c.stock.objects[o].bytes})
	}
	for _, l := range c.plan.litter {
		c.count(Removal{l.kind, l.name, l.bytes})
	}
	c.result.InUse = c.plan.inUse
}

func (c *collector) count(r Removal) {
	a := c.result.Removed[r.Kind]
	a.add(r.Bytes)
	c.result.Removed[r.Kind] = a
	c.removed += r.Bytes
	if c.o.OnRemove != nil {
		c.o.OnRemove(r)
	}
}
