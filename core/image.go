package core

import (
	"context"
	"fmt"
	"sync"

	"github.com/opencontainers/go-digest"

	"banger/core/source"
	"banger/sdk"
)

// Image says which image is meant and how its layers are read.
type Image struct {
	Ref string // see source.ParseReference
	// Platform as "os/arch[/variant]"; "" means linux on the host's processor.
	Platform string
	// ContainPaths takes absolute entry names and symlinks that climb above
	// the root as a chroot would, instead of refusing them.
	ContainPaths bool
	// EmbedConfig is the path of a file in the image, from its root, that gets
	// the image's [RunConfig]; "" embeds none. See [CheckEmbed].
	EmbedConfig string
}

// opened is a resolved image and the temporary directory its source may use.
type opened struct {
	source.Image
	temp       *lateDir
	inRegistry bool

	sound sync.Map // the diffIDs of layers that need no second look
}

func (o *opened) close() {
	_ = o.Close()
	o.temp.remove()
}

// open resolves im to one manifest. Nothing but manifests is read.
func (e *Engine) open(ctx context.Context, im Image) (*opened, error) {
	opts := e.Source
	if im.Platform != "" {
		p, err := source.ParsePlatform(im.Platform)
		if err != nil {
			return nil, err
		}
		opts.Platform = p
	}
	temp := e.lateDir("source")
	opts.TempDir = temp.get
	opts.Cached, opts.Tagged = e.cachedManifest, e.tagged
	src, err := source.Open(ctx, im.Ref, opts)
	if err != nil {
		temp.remove()
		return nil, temp.classify(err)
	}
	if p := src.Manifest().Platform; im.Platform == "" && p != (source.Platform{}) && !source.HostPlatform().Matches(p) {
		e.Events.Log(sdk.LogWarn, fmt.Sprintf("image %s is for %s, and this host is %s", src.Name(), p, source.HostPlatform()))
	}
	ref, err := source.ParseReference(im.Ref)
	return &opened{Image: src, temp: temp, inRegistry: err == nil && ref.Scheme == source.SchemeRegistry}, nil
}

// maxManifest bounds a manifest in bytes. Registries are told to accept at
// least 4 MiB (OCI distribution spec, "Pushing Manifests").
const maxManifest = 4 << 20

func (e *Engine) cachedManifest(d digest.Digest, size int64) ([]byte, bool) {
	if size < 0 || size > maxManifest {
		size = maxManifest
	}
	b, err := e.Store.ReadBlob(d, size)
	return b, err == nil
}

// tagged returns what a name was when it was last pulled. A name that no OCI
// layout may have is not found: another may be spelled the same there.
func (e *Engine) tagged(name string) (digest.Digest, bool) {
	desc, err := e.Store.Tagged(name)
	return desc.Digest, err == nil && refName(name) == name
}
