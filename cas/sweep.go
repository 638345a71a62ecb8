package cas

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long one batch holds the lock of uses, at most but for its last step,
// and the pause after it, in which those who wait get the lock.
const (
	batchTime  = 2 * time.Millisecond
	batchPause = 2 * time.Millisecond
)

// sweep carries out the plan: images first, then actions, then what only they
// held. A root that somebody has begun to use stays, with all that it holds.
func (c *collector) sweep(ctx context.Context) error {
	if err := c.dropImages(ctx); err != nil {
		return err
	}
	dropped := c.plan.roots
	actions, others := splitActions(c.plan.objects)
	if err := c.removeAll(ctx, actions); err != nil {
		return err
	}
	keep := make(map[Object]bool)
	for _, r := range dropped {
		if c.used[r.self()] {
			c.result.InUse = append(c.result.InUse, r.Root)
			c.plan.kept = append(c.plan.kept, r)
			for _, o := range r.holds {
				keep[o] = true
			}
		}
	}
	others = slices.DeleteFunc(others, func(o Object) bool { return keep[o] })
	c.result.InUse = append(c.result.InUse, c.plan.inUse...)
	if err := c.removeAll(ctx, others); err != nil {
		return err
	}
	c.removeLitter()
	c.mendStamps()
	return nil
}

func splitActions(objects []Object) (actions, others []Object) {
	i := slices.IndexFunc(objects, func(o Object) bool { return o.Kind != KindAction })
	if i < 0 {
		i = len(objects)
	}
	return objects[:i], slices.Clone(objects[i:])
}

// removeAll removes objects batch by batch.
func (c *collector) removeAll(ctx context.Context, objects []Object) error {
	for len(objects) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, aside, err := c.batch(ctx, objects)
		for _, path := range aside {
			_ = removeTree(path)
		}
		if err != nil {
			return err
		}
		if objects = objects[n:]; len(objects) > 0 && !c.access.alone {
			time.Sleep(batchPause)
		}
	}
	return nil
}

// batch moves the first of the objects that nobody uses aside, as many as
// there is time for, and returns how many it dealt with and where they are.
func (c *collector) batch(ctx context.Context, objects []Object) (n int, aside []string, err error) {
	unlock, err := c.lockUses(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer unlock()
	if err := c.learn(); err != nil {
		return 0, nil, err
	}
	for start := time.Now(); n < len(objects) && (n == 0 || time.Since(start) < batchTime); n++ {
		if path := c.moveAside(objects[n]); path != "" {
			aside = append(aside, path)
		}
	}
	return n, aside, nil
}

// moveAside takes an object's name away, and returns its new one. It returns
// "" for an object that is used, has changed, or is not the caller's to move.
func (c *collector) moveAside(o Object) string {
	place, err := c.s.object(kind(o.Kind), o.Digest)
	if err != nil || c.used[o] {
		return ""
	}
	h := c.stock.objects[o]
	info, err := os.Lstat(place)
	if err != nil {
		return ""
	}
	if !info.ModTime().Equal(h.stamp) {
		c.use(o) // by someone who has recorded nothing
		return ""
	}
	aside, err := c.aside(o)
	if err == nil {
		err = c.s.disk.rename(place, aside, true)
	}
	if err != nil {
		c.result.Failed++
		return ""
	}
	c.count(Removal{o.Kind, o.Digest.String(), h.bytes})
	return aside
}

// aside returns where an object goes that is to be removed. On a full disk,
// where there is no session, that is the quarantine.
func (c *collector) aside(o Object) (string, error) {
	if c.access.alone {
		return c.s.path("quarantine", "gc-"+o.Kind+"-"+o.Digest.Encoded()), nil
	}
	return c.s.tempName("gc")
}

// dropImages takes the images of the plan out of index.json, those that are
// used excepted.
func (c *collector) dropImages(ctx context.Context) error {
	isImage := func(r *root) bool { return r.Action == nil }
	if !slices.ContainsFunc(c.plan.roots, isImage) {
		return nil
	}
	unlock, err := c.lockIndex(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.learnLocked(ctx); err != nil {
		return err
	}
	x, err := c.s.readIndex()
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var gone []*root
	for _, r := range c.plan.roots {
		if isImage(r) && !c.used[r.self()] && x.remove(r.Manifest, r.Name) {
			gone = append(gone, r)
		}
	}
	b, err := x.encode()
	if err != nil || len(gone) == 0 {
		return err
	}
	if err := c.replaceIndex(b); err != nil {
		return err
	}
	for _, r := range gone {
		c.count(Removal{KindImage, r.title(), 0})
	}
	return nil
}

func (c *collector) learnLocked(ctx context.Context) error {
	unlock, err := c.lockUses(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return c.learn()
}

func (c *collector) lockIndex(ctx context.Context) (func(), error) {
	if c.access.alone {
		return func() {}, nil
	}
	return c.s.lockName(ctx, "index")
}

// replaceIndex writes index.json anew. On a full disk, where nothing new can
// be made, it is shortened in place: whoever reads it then takes a torn one
// for damaged, which costs the names of images.
func (c *collector) replaceIndex(b []byte) error {
	path := c.s.path("index.json")
	if c.access.alone {
		return os.WriteFile(path, b, editable)
	}
	return c.s.replaceFile(path, b, editable)
}

func (c *collector) removeLitter() {
	for _, l := range c.plan.litter {
		switch l.kind {
		case KindTemporary:
			c.s.reclaimSession(strings.TrimSuffix(l.path, leaseSuffix))
		case KindPartial:
			c.s.removePartial(l.name)
		default:
			_ = removeTree(l.path)
		}
		if _, err := os.Lstat(l.path); absent(err) {
			c.count(Removal{l.kind, l.name, l.bytes})
		} else if l.kind == KindQuarantine { // others deal with the rest too, at this moment
			c.result.Failed++
		}
	}
}

// mendStamps sets the stamps of what stays that lie in the future to now: from
// there on it ages.
func (c *collector) mendStamps() {
	for o, h := range c.stock.objects {
		path, err := c.s.object(kind(o.Kind), o.Digest)
		if err == nil && h.future {
			times := []unix.Timespec{unix.NsecToTimespec(c.now.UnixNano()), unix.NsecToTimespec(c.now.UnixNano())}
			_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW)
		}
	}
}
