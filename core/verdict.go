package core

import (
	"context"
	"strings"
)

// Verdict says whether the store has the answer to a build, and why.
type Verdict struct {
	Hit    bool   `json:"hit"`
	Reason string `json:"reason"`
}

// verdict looks for the answer of q, which comes with a hit. A miss says, as
// Explain does, in what the nearest build differs.
func (e *Engine) verdict(ctx context.Context, src *opened, p *Plan, q *question) (Verdict, *answered, error) {
	x := &Explanation{Ref: p.Ref, Manifest: p.Manifest, Builder: RefOf(p.Builder), Key: q.key, Preimage: q.preimage}
	if err := e.find(ctx, x); err != nil {
		return Verdict{}, nil, err
	}
	v := Verdict{Hit: x.Hit, Reason: x.Why}
	if x.Nearest != nil {
		v.Reason += "; of what was, the nearest differs in: " + strings.Join(x.Nearest.InWords(), "; ")
	}
	if !v.Hit {
		return v, nil, nil
	}
	r, err := e.known(ctx, src, q)
	return v, r, err
}
