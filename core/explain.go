package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/host"
	"banger/core/source"
	"banger/sdk"
)

// Explanation says what a build's key is made of and what the store has to
// say to it.
type Explanation struct {
	Ref      string
	Manifest digest.Digest
	// Offline says that the image's source could not be reached, and that
	// Manifest is what the store knows under that name.
	Offline  bool
	Builder  BuilderRef
	Key      digest.Digest
	Preimage json.RawMessage // canonical JSON; its SHA-256 is Key
	Hit      bool
	Why      string
	Artifact cas.Artifact // of a hit
	LastUse  time.Time    // of a hit
	Nearest  *Nearest     // of a miss; nil if the store has no build at all
}

// Nearest is the build in the store whose inputs are most like those asked
// for.
type Nearest struct {
	Key         digest.Digest
	Ref         string
	LastUse     time.Time
	Differences []Difference
}

// Explain says what Build would find in the store for the same options, and
// why. It leaves no trace there: nothing counts as used, and no layer is read.
// A builder is started at most to describe itself. When the source cannot be
// reached, what the store knows under the image's name is explained.
func (e *Engine) Explain(ctx context.Context, o BuildOptions) (*Explanation, error) {
	b, err := e.Host.Find(ctx, o.Builder)
	if err != nil {
		return nil, err
	}
	if o.Options, err = b.Check(o.Options, o.Size); err != nil {
		return nil, err
	}
	x := &Explanation{Builder: RefOf(b)}
	if err := e.resolve(ctx, o.Image, x); err != nil {
		return nil, err
	}
	q, err := e.ask(b, x.Manifest, o, e.look)
	if err != nil {
		return nil, err
	}
	x.Key, x.Preimage = q.key, q.preimage
	if err := e.find(ctx, x); err != nil {
		return nil, err
	}
	if o.NoCache && x.Hit {
		x.Why += "; --no-cache builds it all the same"
	}
	return x, nil
}

// resolve finds the manifest of im.
func (e *Engine) resolve(ctx context.Context, im Image, x *Explanation) error {
	src, err := e.open(ctx, im)
	if err == nil {
		defer src.close()
		x.Ref, x.Manifest = src.Name(), src.Manifest().Digest
		return nil
	}
	if !errors.Is(err, source.ErrNetwork) || ctx.Err() != nil {
		return err
	}
	ref, parseErr := source.ParseReference(im.Ref)
	if parseErr != nil {
		return err
	}
	x.Ref, x.Offline = ref.String(), true
	if x.Manifest = e.lastKnown(ctx, x.Ref, im.Platform); x.Manifest == "" {
		return err
	}
	e.Events.Log(sdk.LogWarn, err.Error()+": going by what the store knows under that name")
	return nil
}

// lastKnown returns the manifest that a name last led to, as far as the store
// knows: what was pulled under it, or else built of it last.
func (e *Engine) lastKnown(ctx context.Context, name, platform string) digest.Digest {
	if desc, err := e.Store.Tagged(refName(name)); err == nil && isFor(desc, platform) {
		return desc.Digest
	}
	if platform != "" {
		return ""
	}
	var last Cached
	list, _ := ListCached(ctx, e.Store) // a store that cannot be read knows nothing
	for _, c := range list {
		if c.Ref == name && c.Created.After(last.Created) { // which no pulled image is
			last = c
		}
	}
	return last.Manifest
}

// isFor says whether a manifest is for the platform; "" is any.
func isFor(desc cas.Descriptor, platform string) bool {
	if platform == "" {
		return true
	}
	want, err := source.ParsePlatform(platform)
	var has ociPlatform
	return err == nil && json.Unmarshal(desc.Platform, &has) == nil && want.Matches(source.Platform(has))
}

// find finds the answer to x, or the one nearest to it.
func (e *Engine) find(ctx context.Context, x *Explanation) error {
	a, use, err := e.Store.PeekAction(x.Key)
	var ans buildAnswer
	if err == nil && (json.Unmarshal(a.Result, &ans) != nil || !e.suffice(ans.Needs)) {
		x.Why = "there is an answer, which is not within the limits"
		return nil
	}
	if err == nil {
		x.Artifact, err = e.Store.PeekArtifact(a.Artifact)
	}
	if err == nil {
		x.Hit, x.LastUse = true, use.Last
		x.Why = fmt.Sprintf("the store has the answer, artifact %s, made %s", a.Artifact, a.Created.Format(time.RFC3339))
		if x.Builder.Varies {
			x.Why += ", whose bytes another build would not repeat"
		}
		return nil
	}
	switch {
	case errors.Is(err, cas.ErrUnusable):
		x.Why = "there is an answer that cannot be used: " + err.Error()
	case errors.Is(err, cas.ErrNotFound):
		x.Why = "nothing was built with these inputs"
	default:
		return fmt.Errorf("explain: %w", err)
	}
	return e.nearest(ctx, x)
}

// nearest finds the build with the fewest inputs that differ; among those one
// of the same manifest, and the one that was used last.
func (e *Engine) nearest(ctx context.Context, x *Explanation) error {
	roots, err := e.Store.List(ctx, References{})
	if err != nil {
		return fmt.Errorf("look for the nearest build: %w", err)
	}
	bestSame := false
	for _, r := range roots {
		c, ok := cachedOf(r.Root)
		if !ok || c.Action == "" || c.Action == x.Key {
			continue
		}
		diffs, err := differences(asked{r.Action.Preimage, c.Ref, c.Builder.Name}, asked{x.Preimage, x.Ref, x.Builder.Name})
		if err != nil {
			continue // another program's build
		}
		n, same := &Nearest{Key: c.Action, Ref: c.Ref, LastUse: c.LastUse, Differences: diffs}, c.Manifest == x.Manifest
		if x.Nearest == nil || n.nearer(same, x.Nearest, bestSame) {
			x.Nearest, bestSame = n, same
		}
	}
	return nil
}

// InWords says what differs, a line for people each.
func (n *Nearest) InWords() []string { return inWords(n.Differences) }

func (n *Nearest) nearer(same bool, other *Nearest, otherSame bool) bool {
	if len(n.Differences) != len(other.Differences) {
		return len(n.Differences) < len(other.Differences)
	}
	if same != otherSame {
		return same
	}
	return n.LastUse.After(other.LastUse)
}

// ReadOnlyDescribeCache is [DescribeCache] that leaves no trace in the store.
func ReadOnlyDescribeCache(s *cas.Store) host.Cache { return peekCache{s} }

type peekCache struct{ store *cas.Store }

// Get implements host.Cache.
func (c peekCache) Get(_ context.Context, key string) ([]byte, bool) {
	k, _, err := cas.ActionKey(describePreimage{"describe", key})
	if err != nil {
		return nil, false
	}
	a, _, err := c.store.PeekAction(k)
	return a.Result, err == nil
}

// Put implements host.Cache.
func (peekCache) Put(context.Context, string, []byte) {}
