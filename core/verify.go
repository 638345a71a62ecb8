package core

import (
	"context"
	"errors"
	"fmt"

	"banger/cas"
)

// ErrDamage is wrapped by the error of a command that found something wrong
// in the store, mended or not.
var ErrDamage = errors.New("the store is not sound")

// Finding is something that is wrong in the store.
type Finding struct {
	cas.Problem
	// Images are the references of the images that the object belongs to, as
	// far as the store knows, sorted.
	Images []string
}

// Verified is what Verify looked at and found.
type Verified struct {
	Objects  int64
	Bytes    int64
	Findings []Finding
}

// Verify reads all of the store and holds it against the digests that name
// it; see [cas.Store.Verify]. With repair, what refers to what is not there is
// dropped too, so that a second Verify finds nothing and the next build
// fetches or builds what it needs. Findings are no error.
func (e *Engine) Verify(ctx context.Context, repair bool) (*Verified, error) {
	const task = "verifying the store"
	defer e.Events.Progress(Progress{Task: task, Finished: true})
	v, err := e.Store.Verify(ctx, cas.VerifyOptions{
		CheckLayer: func(ctx context.Context, l cas.Layer, w *cas.Work) error { return verifyLayer(ctx, l, w) },
		Progress: func(done, total int64) {
			e.Events.Progress(Progress{Task: task, Done: done, Total: total, Unit: "bytes"})
		},
	})
	if err != nil {
		return nil, fmt.Errorf("verify store: %w", err)
	}
	out := &Verified{Objects: v.Objects, Bytes: v.Bytes}
	if len(v.Problems) > 0 { // before anything that names them is dropped
		owners, err := e.owners(ctx)
		if err != nil {
			return nil, fmt.Errorf("verify store: %w", err)
		}
		for _, p := range v.Problems {
			out.Findings = append(out.Findings, Finding{Images: owners.of(p)})
		}
	}
	if repair {
		if err := e.Store.Mend(ctx, v.Problems); err != nil {
			return nil, fmt.Errorf("repair store: %w", err)
		}
	}
	for i, p := range v.Problems {
		out.Findings[i].Problem = p
	}
	return out, nil
}
