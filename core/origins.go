package core

import (
	"context"
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"
)

// Origin is a build that made an image, as the store remembers it.
type Origin struct {
	Action   digest.Digest   `json:"action"`
	Image    string          `json:"image"` // as it was named then
	Builder  BuilderRef      `json:"builder"`
	Tree     digest.Digest   `json:"tree"`
	Losses   int             `json:"losses"`
	Created  time.Time       `json:"created"`
	Millis   int64           `json:"milliseconds"` // that the build took
	Question json.RawMessage `json:"question"`     // all that the bytes depend on
}

// Origins finds which builds of this store made the image in a file, wherever
// that lies, and the artifact that it is: "" when the store knows nothing.
func (e *Engine) Origins(ctx context.Context, path string) (digest.Digest, []Origin, error) {
	d, actions, err := e.Store.Origins(ctx, path)
	if err != nil {
		return "", nil, err
	}
	origins := []Origin{}
	for _, a := range actions {
		var ans buildAnswer
		if err := json.Unmarshal(a.Result, &ans); err != nil {
			continue
		}
		origins = append(origins, Origin{
			Action: a.Key, Image: ans.Ref, Builder: ans.Builder, Tree: ans.Tree, Losses: ans.LossCount,
			Created: a.Created, Millis: ans.Millis, Question: a.Preimage,
		})
	}
	return d, origins, nil
}
