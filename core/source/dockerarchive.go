package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"banger/internal/hint"
)

// dockerArchive is one image in an archive of docker save.
type dockerArchive struct {
	*archive
	layers []member
}

// dockerEntry is one image in the archive's manifest.json.
type dockerEntry struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

// maxDockerEntries bounds the images of one archive.
const maxDockerEntries = 10_000

func openDockerArchive(ctx context.Context, r Reference, o Options) (Image, error) {
	path, ref, err := splitPath(r.Rest)
	if err != nil {
		return nil, err
	}
	a, err := openArchive(ctx, path, o)
	if err != nil {
		return nil, err
	}
	if !a.has("manifest.json") && a.has("oci-layout") {
		_ = a.Close()
		return nil, hint.With(invalid("%s is an archive of an OCI image layout", path), "use oci-archive:"+path)
	}
	return fromDockerArchive(ctx, a, r.String(), ref, o)
}

// fromDockerArchive opens the image ref of an archive, which it owns. An empty
// ref means the only image.
func fromDockerArchive(ctx context.Context, a *archive, name, ref string, o Options) (_ Image, err error) {
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	entries, err := a.entries()
	if err != nil {
		return nil, err
	}
	e, err := a.pickDocker(entries, ref, o)
	if err != nil {
		return nil, err
	}
	found, members, err := a.imageOf(ctx, e, o)
	if err != nil {
		return nil, err
	}
	return &image{name, found, &dockerArchive{a, members}}, nil
}

// small reads a whole member of at most limit bytes.
func (a *archive) small(name string, limit int64) ([]byte, error) {
	m, err := a.find(name)
	if err != nil {
		return nil, err
	}
	raw, err := readAll(a.section(m), limit)
	if err != nil {
		return nil, fmt.Errorf("read %.200q: %w", name, err)
	}
	return raw, nil
}

func (a *archive) entries() ([]dockerEntry, error) {
	raw, err := a.small("manifest.json", maxManifest)
	if err != nil {
		return nil, fmt.Errorf("this is no archive of docker save: %w", err)
	}
	return parseEntries(raw)
}

func parseEntries(raw []byte) ([]dockerEntry, error) {
	if !json.Valid(raw) {
		return nil, invalid("manifest.json is not JSON")
	}
	entries, err := decodeList[dockerEntry](raw, maxDockerEntries)
	if err != nil {
		return nil, invalid("parse manifest.json: %w", err)
	}
	return entries, nil
}

// pickDocker chooses the image that ref means, or the only one. Of several
// with the same name, the platform decides.
func (a *archive) pickDocker(entries []dockerEntry, ref string, o Options) (dockerEntry, error) {
	list := entries
	if ref != "" {
		want, err := tagName(ref)
		if err != nil {
			return dockerEntry{}, fmt.Errorf("%w: %w", ErrReference, err)
		}
		list = slices.DeleteFunc(slices.Clone(entries), func(e dockerEntry) bool { return !e.tagged(want) })
	}
	if len(list) > 1 {
		if of := a.forPlatform(list, (&resolver{o: o}).want()); len(of) == 1 {
			list = of
		}
	}
	switch {
	case len(list) == 1:
		return list[0], nil
	case len(entries) == 0:
		return dockerEntry{}, notFound("the archive holds no image")
	case len(list) == 0:
		return dockerEntry{}, notFound("no image %.100q in the archive: there is %s", ref, tagsIn(entries))
	}
	return dockerEntry{}, notFound("it is not clear which of %d images is meant: %s", len(list), tagsIn(list))
}

// forPlatform returns those of up to 100 entries whose configs say platform.
func (a *archive) forPlatform(list []dockerEntry, platform Platform) []dockerEntry {
	return slices.DeleteFunc(slices.Clone(list[:min(len(list), 100)]), func(e dockerEntry) bool {
		raw, err := a.small(e.Config, maxConfig)
		if err != nil {
			return true
		}
		c, err := parseConfig(raw)
		p, ok := c.platform()
		return err != nil || !ok || !platform.Matches(p)
	})
}

// tagName is the full name of a tag, by which short and long forms compare.
func tagName(s string) (string, error) {
	t, err := name.NewTag(s)
	if err != nil {
		return "", err
	}
	return registryName(t), nil
}

func (e dockerEntry) tagged(want string) bool {
	return slices.ContainsFunc(e.RepoTags, func(s string) bool {
		got, err := tagName(s)
		return err == nil && got == want
	})
}

func tagsIn(entries []dockerEntry) string {
	var names []string
	for _, e := range entries {
		if len(e.RepoTags) == 0 {
			names = append(names, "an untagged one")
		}
		for _, t := range e.RepoTags {
			names = append(names, clean(t, 100))
		}
		if len(names) >= 20 {
			names = append(names, "…")
			break
		}
	}
	return strings.Join(names, ", ")
}

func (d *dockerArchive) openLayer(ctx context.Context, i int) (io.ReadCloser, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return io.NopCloser(ctxReader{ctx, d.section(d.layers[i])}), nil
}
