package core

import (
	"fmt"
	"os"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/sdk/tree"
)

// storePacks are the packs of a tree's layers in the store. They are open, and
// so stay what they are whatever happens to their names.
type storePacks struct {
	paths []string
	files []*os.File
}

// newPacks opens the packs of t's layers. Close it when the tree's contents
// are no longer read.
func newPacks(s *cas.Store, t *tree.Tree) (*storePacks, error) {
	p := &storePacks{}
	for _, id := range t.Layers {
		l, err := s.Layer(digest.Digest(id))
		if err == nil {
			err = p.open(l.Pack)
		}
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("layer %s: %w", id, err)
		}
	}
	return p, nil
}

func (p *storePacks) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return gone(err)
	}
	p.paths, p.files = append(p.paths, path), append(p.files, f)
	return nil
}

// Pack implements tree.Packs.
func (p *storePacks) Pack(layer int) (*os.File, error) { return p.files[layer], nil }

// Close closes the packs.
func (p *storePacks) Close() {
	for _, f := range p.files {
		_ = f.Close()
	}
}
