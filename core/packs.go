package core

import (
	"fmt"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/sdk/tree"
)

// storePacks opens the packs of a tree's layers in the store, each once.
type storePacks struct {
	paths []string

	mu    sync.Mutex
	files []*os.File
}

// newPacks finds the packs of t's layers. Close it when the tree's contents
// are no longer read.
func newPacks(s *cas.Store, t *tree.Tree) (*storePacks, error) {
	p := &storePacks{files: make([]*os.File, len(t.Layers))}
	for _, id := range t.Layers {
		l, err := s.Layer(digest.Digest(id))
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", id, err)
		}
		p.paths = append(p.paths, l.Pack)
	}
	return p, nil
}

// Pack implements tree.Packs.
func (p *storePacks) Pack(layer int) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files[layer] == nil {
		f, err := os.Open(p.paths[layer])
		if err != nil {
			return nil, err
		}
		p.files[layer] = f
	}
	return p.files[layer], nil
}

// Close closes the files that Pack opened.
func (p *storePacks) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.files {
		if f != nil {
			_ = f.Close()
		}
	}
}
