package source

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"

	"banger/internal/hint"
)

// offline is an image of a registry that is not asked: what there is of it
// the caller has.
type offline struct{ layers []v1.Descriptor }

func openOffline(ctx context.Context, r Reference, o Options) (Image, error) {
	ref, err := name.ParseReference(r.Rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReference, err)
	}
	desc, err := kept(r, ref, o)
	if err != nil {
		return nil, err
	}
	im := &offline{}
	res := &resolver{o: o, store: im}
	raw, err := res.verified(ctx, desc, maxManifest, im.manifest)
	if err != nil {
		return nil, pullFirst(err, r)
	}
	found, err := res.resolve(ctx, document{raw: raw, digest: digestOf(desc)})
	if err != nil {
		return nil, pullFirst(err, r)
	}
	im.layers = found.manifest.Layers
	return &image{r.Rest, found, im}, nil
}

// kept returns what a reference means: its digest, or what its tag meant when
// it was last pulled.
func kept(r Reference, ref name.Reference, o Options) (v1.Descriptor, error) {
	id := ref.Identifier()
	if _, byDigest := ref.(name.Digest); !byDigest {
		var d digest.Digest
		ok := o.Tagged != nil
		if ok {
			d, ok = o.Tagged(r.Rest)
		}
		if !ok {
			return v1.Descriptor{}, pullFirst(missing("what %s means", r), r)
		}
		id = d.String()
	}
	h, err := v1.NewHash(id)
	desc := v1.Descriptor{Digest: h, Size: sizeUnknown}
	if err != nil || checkDigest(desc) != nil {
		return desc, fmt.Errorf("%w: digest %s is not a sha256", ErrReference, id)
	}
	return desc, nil
}

func pullFirst(err error, r Reference) error {
	return hint.With(err, fmt.Sprintf("pull it while there is a network: banger pull %s", r))
}

// missing makes an ErrOffline.
func missing(format string, args ...any) error {
	return fmt.Errorf("%w %w", ErrOffline, fmt.Errorf(format, args...))
}

func (*offline) manifest(_ context.Context, d v1.Descriptor, _ int64) ([]byte, error) {
	return nil, missing("manifest %s", d.Digest)
}

func (*offline) config(_ context.Context, d v1.Descriptor, _ int64) ([]byte, error) {
	return nil, missing("config %s (%d bytes)", d.Digest, d.Size)
}

func (im *offline) openLayer(_ context.Context, i int) (io.ReadCloser, error) {
	d := im.layers[i]
	return nil, missing("layer %d of %d, %s (%d bytes)", i+1, len(im.layers), d.Digest, d.Size)
}

func (*offline) Close() error { return nil }
