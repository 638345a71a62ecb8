package source

import (
	"context"
	"fmt"
	"os"

	"banger/internal/hint"
)

func openLayout(ctx context.Context, r Reference, o Options) (Image, error) {
	path, tag, digest, err := splitDigestPath(r.Rest)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("find layout: %w", err)
	}
	if !info.IsDir() {
		return nil, hint.With(fmt.Errorf("%w: %s is not a directory", ErrReference, path),
			fmt.Sprintf("for an archive of a layout, use oci-archive:%s", path))
	}
	l := &layout{files: dirFiles(path)}
	found, err := l.openImage(ctx, want{tag, digest}, o)
	if err != nil {
		return nil, err
	}
	return &image{r.String(), found, l}, nil
}

func openLayoutArchive(ctx context.Context, r Reference, o Options) (_ Image, err error) {
	path, tag, digest, err := splitDigestPath(r.Rest)
	if err != nil {
		return nil, err
	}
	a, err := openArchive(ctx, path, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	if !a.has("oci-layout") && a.has("manifest.json") {
		return nil, hint.With(invalid("%s is an archive of docker save", path), fmt.Sprintf("use docker-archive:%s", path))
	}
	l := &layout{files: a}
	found, err := l.openImage(ctx, want{tag, digest}, o)
	if err != nil {
		return nil, err
	}
	return &image{r.String(), found, l}, nil
}
