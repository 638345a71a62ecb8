package sdk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"

	"banger/internal/filetext"
	"banger/sdk/tree"
)

// ErrDigest is wrapped by the error of [Request.Tree] when the tree file is
// not the one that the request names.
var ErrDigest = errors.New("digest mismatch")

// readTree reads a whole tree file, whose digest must be want.
func readTree(path, want string) (*tree.Tree, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open tree: %w", err)
	}
	defer f.Close()
	file, err := filetext.Read(f)
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	digest := make(chan string)
	go func() {
		sum := filetext.Sum(file)
		digest <- "sha256:" + hex.EncodeToString(sum[:])
	}()
	t, err := tree.Parse(file)
	if got := <-digest; err == nil && got != want {
		return nil, fmt.Errorf("read tree: %w: it is %s and should be %s", ErrDigest, got, want)
	}
	return t, err
}

// packs are the packs of a request that have been opened so far.
type packs struct {
	mu     sync.Mutex
	files  map[int]*os.File
	closed bool
}

func (p *packs) open(layer int, paths []string) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("open pack %d: %w: the build is over", layer, os.ErrClosed)
	}
	if f := p.files[layer]; f != nil {
		return f, nil
	}
	if layer < 0 || layer >= len(paths) {
		return nil, fmt.Errorf("open pack %d: the request has %d packs", layer, len(paths))
	}
	f, err := os.Open(paths[layer])
	if err != nil {
		return nil, fmt.Errorf("open pack %d: %w", layer, err)
	}
	if p.files == nil {
		p.files = make(map[int]*os.File)
	}
	p.files[layer] = f
	return f, nil
}

func (p *packs) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	p.files, p.closed = nil, true
	return errors.Join(errs...)
}

// requestPacks is a Request as its tree.Packs.
type requestPacks Request

// Pack implements tree.Packs.
func (r *requestPacks) Pack(layer int) (*os.File, error) { return r.packs.open(layer, r.PackPaths) }
