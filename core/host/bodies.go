package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"banger/sdk"
)

// maxBodyList bounds the list of bodies that a builder may leave, in bytes:
// room for as many as [sdk.ReadBodies] reads.
const maxBodyList = 256 << 20

// Bodies returns what the image that Build has b leave lacks: sorted, none
// overlapping, in the image and in the packs of req. A list that is not like
// that is the builder's fault.
func (h *Host) Bodies(ctx context.Context, b *Builder, req *sdk.Request) ([]sdk.Body, error) {
	list, err := readBodies(req)
	if err != nil {
		return nil, failure(ctx, b, "build", fmt.Errorf("its list of bodies: %w", err))
	}
	return list, nil
}

func readBodies(req *sdk.Request) ([]sdk.Body, error) {
	if req.BodiesPath == "" {
		return nil, nil
	}
	f, err := os.OpenFile(req.BodiesPath, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is no regular file but %s", info.Mode())
	case info.Size() > maxBodyList:
		return nil, fmt.Errorf("it has %d bytes, where %d are allowed", info.Size(), maxBodyList)
	}
	list, err := sdk.ReadBodies(io.LimitReader(f, maxBodyList))
	if err != nil {
		return nil, err
	}
	return list, checkBodies(list, req)
}

// checkBodies wants bodies to be sorted and in the image and the packs of req.
func checkBodies(list []sdk.Body, req *sdk.Request) error {
	image, err := os.Lstat(req.Output)
	if err != nil {
		return err
	}
	packs := make([]int64, len(req.PackPaths))
	for i, path := range req.PackPaths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		packs[i] = info.Size()
	}
	end := int64(0)
	for i, b := range list {
		switch {
		case b.Length <= 0:
			return fmt.Errorf("body %d has %d bytes", i, b.Length)
		case b.Offset < end:
			return fmt.Errorf("body %d begins at %d of the image, where the one before it ends at %d", i, b.Offset, end)
		case b.Offset > image.Size() || b.Length > image.Size()-b.Offset:
			return fmt.Errorf("body %d is not in the image, which has %d bytes", i, image.Size())
		case b.Layer >= len(packs):
			return fmt.Errorf("body %d is in layer %d of %d", i, b.Layer, len(packs))
		case b.PackOffset > packs[b.Layer] || b.Length > packs[b.Layer]-b.PackOffset:
			return fmt.Errorf("body %d is not in its pack, which has %d bytes", i, packs[b.Layer])
		}
		end = b.Offset + b.Length
	}
	return nil
}
