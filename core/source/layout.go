package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

// files is a read-only set of files: a directory, or the members of an
// archive. Names are slash-separated and relative.
type files interface {
	// open returns a regular file and its size, or an ErrNotFound.
	open(name string) (io.ReadCloser, int64, error)
	io.Closer
}

// layout is an OCI image layout (image-spec, image-layout.md).
type layout struct {
	files
	layers []v1.Descriptor
}

// want is what a reference asks of a layout: a tag, a digest, or neither.
type want struct{ tag, digest string }

// The annotations that name the images of a layout. The second is what
// containerd and BuildKit write beside the first.
const (
	annotationRefName        = "org.opencontainers.image.ref.name"
	annotationContainerdName = "io.containerd.image.name"
)

// openImage finds an image in the layout. It does not close l on failure.
func (l *layout) openImage(ctx context.Context, w want, o Options) (resolved, error) {
	index, err := l.index()
	if err != nil {
		return resolved{}, err
	}
	res := &resolver{o: o, store: l}
	f, err := pickEntry(index, w, res.want())
	if err != nil {
		return resolved{}, err
	}
	doc, err := res.load(ctx, f)
	if err != nil {
		return resolved{}, err
	}
	found, err := res.resolve(ctx, doc)
	l.layers = found.manifest.Layers
	return found, err
}

// index reads and checks the files at the top of the layout.
func (l *layout) index() ([]v1.Descriptor, error) {
	raw, err := l.small("oci-layout", 4<<10)
	if err != nil {
		return nil, fmt.Errorf("this is no OCI image layout: %w", err)
	}
	var version struct {
		V string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &version); err != nil || !strings.HasPrefix(version.V, "1.") {
		return nil, invalid("oci-layout: version %.20q is not 1.x", version.V)
	}
	if raw, err = l.small("index.json", maxManifest); err != nil {
		return nil, fmt.Errorf("this is no OCI image layout: %w", err)
	}
	var index struct {
		SchemaVersion int         `json:"schemaVersion"`
		Manifests     descriptors `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, invalid("parse index.json: %w", err)
	}
	if index.SchemaVersion != 2 {
		return nil, invalid("index.json: schemaVersion %d is not 2", index.SchemaVersion)
	}
	return index.Manifests, nil
}

func (l *layout) small(name string, limit int64) ([]byte, error) {
	f, _, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := readAll(f, limit)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return raw, nil
}

// pickEntry finds what w means among the entries of index.json. The platform
// of such an entry only breaks ties: some tools write their own machine's.
func pickEntry(index []v1.Descriptor, w want, platform Platform) (v1.Descriptor, error) {
	if w.digest != "" {
		return entryByDigest(index, w.digest)
	}
	list := candidates(index, w.tag)
	if len(list) > 1 {
		var of []v1.Descriptor
		for _, d := range list {
			if p, ok := stated(d); ok && platform.Matches(p) {
				of = append(of, d)
			}
		}
		if len(of) > 0 {
			list = of
		}
	}
	switch {
	case len(list) == 1:
		return list[0], nil
	case len(list) > 1:
		return v1.Descriptor{}, notFound("it is not clear which of %d images is meant: %s", len(list), tagsOf(list))
	case w.tag != "":
		return v1.Descriptor{}, notFound("no tag %.100q: there is %s", w.tag, tagsOf(index))
	}
	return v1.Descriptor{}, notFound("the layout holds no image")
}

// candidates are the entries for images that have the tag, or all of them if
// there is none; each digest once.
func candidates(index []v1.Descriptor, tag string) []v1.Descriptor {
	var list []v1.Descriptor
	seen := make(map[v1.Hash]bool)
	for _, d := range index {
		named := tag == "" || d.Annotations[annotationRefName] == tag || d.Annotations[annotationContainerdName] == tag
		if named && !notAnImage(d) && !seen[d.Digest] {
			seen[d.Digest] = true
			list = append(list, d)
		}
	}
	return list
}

// entryByDigest returns the entry of that digest, or a descriptor of the
// document if index.json does not mention it, whose size is not known then.
func entryByDigest(index []v1.Descriptor, want string) (v1.Descriptor, error) {
	h, err := v1.NewHash(want)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("%w: %w", ErrReference, err)
	}
	for _, d := range index {
		if d.Digest == h {
			return d, nil
		}
	}
	return v1.Descriptor{Digest: h, Size: sizeUnknown}, nil
}

func tagsOf(list []v1.Descriptor) string {
	var names []string
	for _, d := range list {
		name := d.Annotations[annotationRefName]
		if name == "" {
			name = "@" + d.Digest.String()
		}
		if names = append(names, clean(name, 100)); len(names) == 20 {
			names = append(names, "…")
			break
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// blobPath is where a layout keeps a blob. The digest has been checked to be
// a sha256, so that the path leads nowhere else.
func blobPath(d v1.Descriptor) string { return "blobs/" + string(digest.SHA256) + "/" + d.Digest.Hex }

func (l *layout) manifest(_ context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	return l.small(blobPath(d), limit)
}

func (l *layout) config(_ context.Context, d v1.Descriptor, limit int64) ([]byte, error) {
	return l.small(blobPath(d), limit)
}

func (l *layout) openLayer(ctx context.Context, i int) (io.ReadCloser, error) {
	d := l.layers[i]
	f, size, err := l.open(blobPath(d))
	if err != nil {
		return nil, err
	}
	if size != d.Size {
		return nil, errors.Join(invalid("the blob has %d bytes where the manifest says %d", size, d.Size), f.Close())
	}
	return readCloser{ctxReader{ctx, f}, f}, nil
}
