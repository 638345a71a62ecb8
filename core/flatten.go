package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/flatten"
	"banger/core/layer"
	"banger/sdk"
	"banger/sdk/tree"
)

// flattened is a tree in memory and the blob it is.
type flattened struct {
	*tree.Tree // without entries, if nobody asked for them
	digest     digest.Digest
	warnings   []string
	needs      *needs
}

// treePreimage is the question whose answer is a tree.
type treePreimage struct {
	Kind    string          `json:"kind"` // "tree"
	Layers  []digest.Digest `json:"layers"`
	Flatten flattenInputs   `json:"flatten"`
}

// flattenInputs are what a tree depends on besides the layers.
type flattenInputs struct {
	Revision     int  `json:"revision"`
	ContainPaths bool `json:"contain_paths"`
}

func inputsOf(im Image) flattenInputs {
	return flattenInputs{Revision: flatten.Revision, ContainPaths: im.ContainPaths}
}

func (e *Engine) flattenOptions(in flattenInputs) flatten.Options {
	return flatten.Options{Contain: in.ContainPaths, MaxEntries: e.Limits.Entries, MaxDepth: e.Limits.PathDepth}
}

// treeResult is what the store keeps with a tree.
type treeResult struct {
	Warnings []string `json:"warnings"`
	Needs    *needs   `json:"needs"`     // but for the ratio, which depends on the blobs
	TarSizes []int64  `json:"tar_sizes"` // of each layer's tar, in bytes
}

// needsOf are those of the image that has the tree.
func (r *treeResult) needsOf(src *opened) *needs {
	n := *r.Needs
	n.Layers.Ratio = neededRatio(src, r.TarSizes)
	return &n
}

// Tree pulls an image and returns its flattened tree with the digest that
// names it.
func (e *Engine) Tree(ctx context.Context, im Image) (*tree.Tree, digest.Digest, error) {
	src, err := e.open(ctx, im)
	if err != nil {
		return nil, "", err
	}
	defer src.close()
	t, err := e.pullTree(ctx, src, im)
	if err != nil {
		return nil, "", err
	}
	return t.Tree, t.digest, nil
}

// pullTree pulls what is missing and flattens it. What turns out to be damaged
// or has gone meanwhile is made once more.
func (e *Engine) pullTree(ctx context.Context, src *opened, im Image) (*flattened, error) {
	return e.pullThenFlatten(ctx, src, im, true, func() error { return nil })
}

// pullThenFlatten is pullTree that calls pulled in between, each time, and that
// may leave out the tree's entries.
func (e *Engine) pullThenFlatten(ctx context.Context, src *opened, im Image, entries bool, pulled func() error) (t *flattened, err error) {
	err = e.again(ctx, func() error {
		p, err := e.pull(ctx, src, false)
		if err == nil {
			err = pulled()
		}
		if err == nil {
			t, err = e.flattenImage(ctx, src, im, p.DiffIDs, entries)
		}
		return err
	})
	return t, err
}

// flattenImage returns the tree of the image's layers with what is embedded.
func (e *Engine) flattenImage(ctx context.Context, src *opened, im Image, diffIDs []digest.Digest, entries bool) (*flattened, error) {
	base, err := e.flatten(ctx, src, diffIDs, inputsOf(im), entries || im.EmbedConfig != "")
	if err != nil || im.EmbedConfig == "" {
		return base, err
	}
	all, err := e.embed(ctx, src, im, diffIDs)
	if err != nil {
		return nil, err
	}
	t, err := e.flatten(ctx, src, all, inputsOf(im), true)
	if err != nil {
		return nil, err
	}
	return t, checkEmbedded(base.Tree, t.Tree, all[len(all)-1])
}

// flatten returns the tree of the image's layers, and maybe one more on top of
// them, from the store if it was made before and is within the limits, and then
// with its entries only if they are wanted.
func (e *Engine) flatten(ctx context.Context, src *opened, diffIDs []digest.Digest, in flattenInputs, entries bool) (*flattened, error) {
	key, preimage, err := cas.ActionKey(treePreimage{Kind: "tree", Layers: diffIDs, Flatten: in})
	if err != nil {
		return nil, fmt.Errorf("flatten: %w", err)
	}
	if t := e.knownTree(src, key, entries); t != nil {
		return t, nil
	}
	defer e.task("flatten")()
	indexes, err := e.readIndexes(diffIDs)
	if err != nil {
		return nil, err
	}
	layers, err := e.admit(src, indexes)
	if err != nil {
		return nil, err
	}
	made, err := flatten.Flatten(ctx, indexes, e.flattenOptions(in))
	if err != nil {
		return nil, err
	}
	res := treeResult{
		Needs:    &needs{Layers: layers, Entries: made.MaxEntries, Depth: made.MaxDepth},
		TarSizes: tarSizes(indexes),
	}
	for _, w := range made.Warnings {
		res.Warnings = append(res.Warnings, fmt.Sprintf("layer %s, entry %d, %q: %s", w.Layer, w.Entry, w.Path, w.Text))
	}
	e.warn(res.Warnings)
	d, err := e.keepTree(ctx, made.Tree)
	if err != nil {
		return nil, err
	}
	answer, err := json.Marshal(res)
	if err != nil {
		return nil, fmt.Errorf("keep tree: %w", err)
	}
	a := cas.Action{Key: key, Preimage: preimage, Blobs: []digest.Digest{d}, Result: answer, Created: time.Now().UTC()}
	if err := e.Store.PutAction(ctx, a); err != nil {
		return nil, fmt.Errorf("keep tree: %w", err)
	}
	t := made.Tree
	if !entries {
		t = &tree.Tree{Layers: t.Layers} // the rest need not stay in memory while the builder builds
	}
	return &flattened{t, d, res.Warnings, res.needsOf(src)}, nil
}

// knownTree returns the tree that an earlier flattening left, or nil if there is
// none or it is beyond the limits. One that is damaged is put into quarantine.
func (e *Engine) knownTree(src *opened, key digest.Digest, entries bool) *flattened {
	a, err := e.Store.Action(key)
	if err != nil || len(a.Blobs) != 1 {
		return nil
	}
	var res treeResult
	if json.Unmarshal(a.Result, &res) != nil || res.Needs == nil {
		return nil
	}
	n := res.needsOf(src)
	if !e.suffice(n) {
		return nil
	}
	f, err := e.Store.OpenBlob(a.Blobs[0])
	if err != nil {
		return nil
	}
	defer f.Close()
	t, err := readTree(f, a.Blobs[0], entries)
	if err != nil {
		e.Events.Log(sdk.LogWarn, err.Error()+": flattening again")
		_ = e.Store.QuarantineBlob(a.Blobs[0], err)
		return nil
	}
	e.warn(res.Warnings)
	return &flattened{t, a.Blobs[0], res.Warnings, n}
}

// readTree reads the tree file r, which must be d, with or without its entries.
func readTree(r io.Reader, d digest.Digest, entries bool) (*tree.Tree, error) {
	v := d.Verifier()
	r = io.TeeReader(r, v)
	read := tree.Read
	if !entries {
		read = readLayers
	}
	t, err := read(r)
	if err == nil && !v.Verified() {
		err = fmt.Errorf("tree %s: %w", d, cas.ErrCorrupt)
	}
	return t, err
}

// readLayers reads a tree file to its end and leaves out its entries.
func readLayers(r io.Reader) (*tree.Tree, error) {
	layers, err := tree.ReadLayers(r)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return &tree.Tree{Layers: layers}, nil
}

func (e *Engine) warn(texts []string) {
	for _, text := range texts {
		e.Events.Log(sdk.LogWarn, text)
	}
}

// keepTree writes t to the store and returns its digest.
func (e *Engine) keepTree(ctx context.Context, t *tree.Tree) (digest.Digest, error) {
	w, err := e.Store.NewBlob()
	if err != nil {
		return "", fmt.Errorf("keep tree: %w", err)
	}
	defer w.Abort()
	if _, err := t.WriteTo(w); err != nil {
		return "", fmt.Errorf("keep tree: %w", err)
	}
	if err := w.Commit(ctx, "", -1); err != nil {
		return "", fmt.Errorf("keep tree: %w", err)
	}
	return w.Digest(), nil
}

// readIndexes reads the index of each layer. The damaged ones are quarantined,
// and the error wraps cas.ErrNotFound.
func (e *Engine) readIndexes(diffIDs []digest.Digest) ([]*layer.Index, error) {
	indexes := make([]*layer.Index, len(diffIDs))
	var damage []error
	for i, d := range diffIDs {
		l, err := e.Store.Layer(d)
		if err == nil {
			indexes[i], err = readLayerIndex(l)
		}
		if errors.Is(err, cas.ErrCorrupt) {
			damage = append(damage, fmt.Errorf("layer %s: %w: %w", d, cas.ErrNotFound, err))
			err = e.quarantine(d, err)
		}
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", d, err)
		}
	}
	return indexes, errors.Join(damage...)
}
