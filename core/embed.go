package core

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/cas"
	"banger/core/layer"
	"banger/core/unpack"
	"banger/internal/hint"
	"banger/sdk/tree"
)

// ErrEmbed is wrapped by the error about a path at which the run config
// cannot be put into the image.
var ErrEmbed = errors.New("bad path for the embedded config")

// maxEmbedPath bounds the path in bytes: PATH_MAX without the final zero.
const maxEmbedPath = 4095

// embedInputs are what an embedded run config adds to a build's preimage.
type embedInputs struct {
	Path    string `json:"path"`
	Version int    `json:"version"`
}

func embedInputsOf(im Image) *embedInputs {
	if im.EmbedConfig == "" {
		return nil
	}
	return &embedInputs{im.EmbedConfig, runConfigVersion}
}

// CheckEmbed refuses a path that is not that of a file below the root.
func CheckEmbed(p string) error {
	bad := p == "" || p == "/" || !path.IsAbs(p) || path.Clean(p) != p || len(p) > maxEmbedPath ||
		strings.ContainsAny(p, "\x00") || strings.Contains(p, "/.wh.")
	if bad {
		return hint.With(fmt.Errorf("%w: %.100q", ErrEmbed, p), "name a file from the image's root, such as /etc/banger/config.json")
	}
	return nil
}

// configLayer makes the layer that puts the image's run config at
// im.EmbedConfig: a tar with that one file, root's, 0644, of 1970.
func configLayer(ctx context.Context, src *opened, im Image) (digest.Digest, []byte, error) {
	if err := CheckEmbed(im.EmbedConfig); err != nil {
		return "", nil, err
	}
	c, err := runConfig(ctx, src)
	if err != nil {
		return "", nil, err
	}
	body, err := c.Encode()
	if err != nil {
		return "", nil, err
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	h := &tar.Header{Typeflag: tar.TypeReg, Name: im.EmbedConfig[1:], Mode: 0o644, Size: int64(len(body)), ModTime: time.Unix(0, 0)}
	if err = w.WriteHeader(h); err == nil {
		_, err = w.Write(body)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return "", nil, fmt.Errorf("embed config: %w", err)
	}
	return digest.FromBytes(buf.Bytes()), buf.Bytes(), nil
}

// embed makes the config's layer present and returns the layers with it on
// top.
func (e *Engine) embed(ctx context.Context, src *opened, im Image, diffIDs []digest.Digest) ([]digest.Digest, error) {
	d, content, err := configLayer(ctx, src, im)
	if err != nil {
		return nil, err
	}
	all := append(slices.Clip(diffIDs), d)
	if _, err := e.Store.Layer(d); err == nil {
		return all, nil
	}
	out, err := e.Store.NewLayer()
	if err != nil {
		return nil, fmt.Errorf("embed config: %w", err)
	}
	defer out.Abort()
	if err := unpackConfig(ctx, d, content, unpack.Dest{Pack: out.Pack(), Index: out.Index()}); err != nil {
		return nil, cas.Classify(err)
	}
	if err := out.Commit(ctx, d); err != nil {
		return nil, fmt.Errorf("embed config: %w", err)
	}
	return all, nil
}

func unpackConfig(ctx context.Context, d digest.Digest, content []byte, dst unpack.Dest) error {
	l := unpack.Layer{DiffID: d, Size: int64(len(content))}
	if _, err := unpack.Unpack(ctx, bytes.NewReader(content), l, dst, unpack.Limits{}, nil); err != nil {
		return fmt.Errorf("embed config: %w", err)
	}
	return nil
}

// configIndex is the index of the config's layer, made without the store.
func configIndex(ctx context.Context, src *opened, im Image) (*layer.Index, error) {
	d, content, err := configLayer(ctx, src, im)
	if err != nil {
		return nil, err
	}
	var index bytes.Buffer
	if err := unpackConfig(ctx, d, content, unpack.Dest{Pack: io.Discard, Index: &index}); err != nil {
		return nil, err
	}
	return layer.Parse(index.String())
}

// checkEmbedded refuses a config that has taken the place of a directory of
// the image, or made one of what was none. top is the config's layer.
func checkEmbedded(base, t *tree.Tree, top digest.Digest) error {
	at := embeddedPath(t, top)
	for p := at; p != "."; p = path.Dir(p) {
		if e := base.Lookup(p); e != nil && (e.Type == tree.Directory) == (p == at) {
			err := fmt.Errorf("%w: /%s needs the place of /%s, a %s of the image", ErrEmbed, at, p, e.Type)
			return hint.With(err, "name a file that the image does not have")
		}
	}
	return nil
}

// embeddedPath returns the path of the file whose content is in a layer.
func embeddedPath(t *tree.Tree, d digest.Digest) string {
	for i := range t.Entries {
		if x := t.Entries[i].Extents; len(x) > 0 && t.Layers[x[0].Layer] == d.String() {
			return t.Entries[i].Path
		}
	}
	return "."
}
