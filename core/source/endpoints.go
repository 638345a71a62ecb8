package source

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
)

// endpoints are the places that have one repository: mirrors, and last the
// registry itself. It is safe for concurrent use.
type endpoints struct {
	clients []*client
	warn    func(string)

	mu   sync.Mutex
	down map[*client]bool
}

func newEndpoints(repo name.Repository, o Options) (*endpoints, error) {
	e := &endpoints{warn: o.Warn, down: make(map[*client]bool)}
	for _, m := range o.Mirrors {
		if m.Of != repo.RegistryStr() {
			continue
		}
		at, err := name.NewRegistry(m.Host)
		if err != nil {
			return nil, fmt.Errorf("%w: mirror %s: %w", ErrReference, m.Host, err)
		}
		c := newClient(at.Repo(m.Prefix, repo.RepositoryStr()), o)
		c.plain = c.plain || m.Plain
		e.clients = append(e.clients, c)
	}
	e.clients = append(e.clients, newClient(repo, o))
	return e, nil
}

// each calls f with one endpoint after the other until it succeeds, and
// returns the error of the last.
func (e *endpoints) each(ctx context.Context, f func(*client) error) error {
	c := e.after(nil)
	for {
		err := f(c)
		if err == nil {
			return nil
		}
		next := e.instead(ctx, c, err)
		if next == nil {
			return err
		}
		c = next
	}
}

// instead returns the endpoint to ask where c failed, nil if there is none. A
// mirror that cannot be reached is not asked again.
func (e *endpoints) instead(ctx context.Context, c *client, err error) *client {
	if ctx.Err() != nil {
		return nil
	}
	next := e.after(c)
	if next == nil {
		return nil
	}
	if e.warn != nil {
		e.warn(fmt.Sprintf("mirror %s did not help, asking %s: %v", c.host(), next.host(), err))
	}
	if errors.Is(err, ErrNetwork) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.down[c] = true
	}
	return next
}

// alone are endpoints of which c is the only one.
func (c *client) alone() *endpoints { return &endpoints{clients: []*client{c}} }

// after returns the endpoint that follows c and is not known to be down; nil
// stands before the first and behind the last.
func (e *endpoints) after(c *client) *client {
	e.mu.Lock()
	defer e.mu.Unlock()
	passed := c == nil
	for _, next := range e.clients {
		if passed && !e.down[next] {
			return next
		}
		passed = passed || next == c
	}
	return nil
}

// withoutMirrors has none of the mirrors asked any more, and reports whether
// there are any.
func (e *endpoints) withoutMirrors() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	mirrors := e.clients[:len(e.clients)-1]
	for _, c := range mirrors {
		e.down[c] = true
	}
	return len(mirrors) > 0
}

// Close lets go of connections.
func (e *endpoints) Close() error {
	for _, c := range e.clients {
		c.Close()
	}
	return nil
}
