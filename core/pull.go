package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"banger/cas"
	"banger/core/source"
	"banger/core/unpack"
)

// Pulled says what a pull found and brought.
type Pulled struct {
	Ref      string          `json:"image"`
	Platform string          `json:"platform"`
	Manifest digest.Digest   `json:"manifest"`
	Config   digest.Digest   `json:"config"`
	DiffIDs  []digest.Digest `json:"diff_ids"`
	// FetchedBytes came from the source; 0 when the store had everything.
	FetchedBytes int64     `json:"fetched_bytes"`
	Run          RunConfig `json:"run"`
}

// Pull brings an image into the store: manifest, config, every layer both as
// the blob it was and unpacked, all verified. What is there already is not
// fetched again. When it returns, nothing about the image needs its source.
func (e *Engine) Pull(ctx context.Context, im Image) (*Pulled, error) {
	src, err := e.open(ctx, im)
	if err != nil {
		return nil, err
	}
	defer src.close()
	run, err := runConfig(ctx, src)
	if err != nil {
		return nil, err
	}
	var p *Pulled
	err = e.again(ctx, func() (err error) {
		if p, err = e.pull(ctx, src, true); err != nil {
			return err
		}
		indexes, err := e.readIndexes(p.DiffIDs)
		if err != nil {
			return err
		}
		_, err = e.admit(src, indexes)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.Run = run
	if err := e.tag(ctx, src); err != nil {
		return nil, fmt.Errorf("record image %s: %w", src.Name(), err)
	}
	return p, nil
}

// ociPlatform is the platform object of an OCI image index.
type ociPlatform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// tag enters the image into the store's index.json, where other tools that
// read OCI layouts find it.
func (e *Engine) tag(ctx context.Context, src *opened) error {
	m := src.Manifest()
	desc := cas.Descriptor{MediaType: m.MediaType, Digest: m.Digest, Size: int64(len(m.Raw))}
	if m.Platform != (source.Platform{}) {
		var err error
		if desc.Platform, err = json.Marshal(ociPlatform(m.Platform)); err != nil {
			return err
		}
	}
	name := refName(src.Name())
	if src.inRegistry && name != src.Name() {
		name += "@" + m.Digest.String() // another image may have that name
	}
	return e.Store.Tag(ctx, desc, name)
}

// pull brings what a build needs. With blobs, it also brings the compressed
// blobs of layers that are unpacked already.
func (e *Engine) pull(ctx context.Context, src *opened, blobs bool) (*Pulled, error) {
	m := src.Manifest()
	p := &Pulled{Ref: src.Name(), Platform: m.Platform.String(), Manifest: m.Digest, Config: digest.Digest(m.Config.Digest.String())}
	config, err := e.config(ctx, src)
	if err != nil {
		return nil, err
	}
	if p.DiffIDs, err = diffIDs(src, config); err != nil {
		return nil, err
	}
	fetched, err := e.pullLayers(ctx, src, p.DiffIDs, blobs)
	if err != nil {
		return nil, err
	}
	p.FetchedBytes = fetched
	for _, raw := range slices.Concat(m.Indexes, [][]byte{m.Raw}) {
		if err := e.keepManifest(ctx, raw); err != nil {
			return nil, err
		}
	}
	e.remember(ctx, src)
	return p, nil
}

// diffIDs returns those of the image's layers, as its config has them.
func diffIDs(src *opened, config []byte) ([]digest.Digest, error) {
	list, err := source.DiffIDs(config)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", src.Name(), err)
	}
	if n := len(src.Manifest().Layers); len(list) != n {
		return nil, fmt.Errorf("image %s: %w: the manifest has %d layers and the config %d diffIDs", src.Name(), source.ErrInvalid, n, len(list))
	}
	return list, nil
}

// keepManifest writes what is not there yet, so that an image that is there
// can be pulled into a store that cannot be written.
func (e *Engine) keepManifest(ctx context.Context, raw []byte) error {
	if _, ok := e.cachedManifest(digest.FromBytes(raw), int64(len(raw))); ok {
		return nil
	}
	if _, err := e.Store.PutBlob(ctx, raw); err != nil {
		return fmt.Errorf("keep manifest: %w", err)
	}
	return nil
}

// config returns the image's config, from the store if it is there.
func (e *Engine) config(ctx context.Context, src *opened) ([]byte, error) {
	desc := src.Manifest().Config
	d := digest.Digest(desc.Digest.String())
	b, err := e.Store.ReadBlob(d, desc.Size)
	if errors.Is(err, cas.ErrTooLarge) {
		if err := e.Store.QuarantineBlob(d, err); err != nil {
			return nil, fmt.Errorf("read config: %w", err)
		}
	} else if err == nil {
		return b, nil
	} else if !errors.Is(err, cas.ErrNotFound) {
		return nil, fmt.Errorf("read config: %w", err)
	}
	b, err = src.Config(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := e.Store.PutBlob(ctx, b); err != nil {
		return nil, fmt.Errorf("keep config: %w", err)
	}
	return b, nil
}

// pullLayers makes every layer present, several side by side, and returns the
// bytes it fetched. The first failure ends the others.
func (e *Engine) pullLayers(ctx context.Context, src *opened, diffIDs []digest.Digest, blobs bool) (int64, error) {
	if e.Source.Offline && src.inRegistry {
		if err := e.haveLayers(ctx, src, diffIDs); err != nil {
			return 0, err
		}
		blobs = false
	}
	var fetched atomic.Int64
	layers := e.layerPulls(src, diffIDs)
	whole := e.wholePull(layers, blobs)
	defer whole.finish()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Jobs)
	for _, l := range layers {
		l.whole = whole
		g.Go(func() error {
			n, err := l.ensure(ctx, blobs)
			fetched.Add(n)
			return err
		})
	}
	err := g.Wait()
	return fetched.Load(), err
}

// layerPulls returns a pull for each layer, one for those that are equal.
func (e *Engine) layerPulls(src *opened, diffIDs []digest.Digest) []*layerPull {
	var pulls []*layerPull
	seen := make(map[unpack.Layer]bool)
	for i := range diffIDs {
		l := e.newLayerPull(src, i, diffIDs[i])
		if !seen[l.layer] {
			seen[l.layer] = true
			pulls = append(pulls, l)
		}
	}
	return pulls
}
