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

// placed is what a builder has said of its image before that is there.
type placed struct {
	size   int64
	bodies []sdk.Body
}

// place takes the word of a builder that is at work. The list is the builder's to
// change meanwhile: it is read here and not again.
func (l *Launched) place(size int64) error {
	switch {
	case l.early != nil:
		return errors.New("it says twice that it is complete")
	case l.req.BodiesPath == "":
		return errors.New("nobody has asked for one")
	}
	list, err := readBodies(l.req, size)
	if err == nil && len(list) == 0 {
		err = errors.New("it says that it is complete, and it is empty or not there")
	}
	if err != nil {
		return err
	}
	l.early = &placed{size, list}
	return nil
}

// Bodies returns what the image lacks that Build has the builder leave: sorted,
// none overlapping, in the image and in the packs of the request. A list that is
// not like that is the builder's fault. It is there as soon as the request's
// Events hear of it, and always after Build.
func (l *Launched) Bodies(ctx context.Context) ([]sdk.Body, error) {
	if l.early != nil {
		return l.early.bodies, nil
	}
	image, err := os.Lstat(l.req.Output)
	if err != nil {
		return nil, err
	}
	list, err := readBodies(l.req, image.Size())
	if err != nil {
		return nil, failure(ctx, l.builder, "build", fmt.Errorf("its list of bodies: %w", err))
	}
	return list, nil
}

// readBodies reads the list for an image of that size.
func readBodies(req *sdk.Request, size int64) ([]sdk.Body, error) {
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
	list, err := sdk.ReadBodies(io.LimitReader(f, maxBodyList), info.Size())
	if err != nil {
		return nil, err
	}
	return list, checkBodies(list, req, size)
}

// checkBodies wants bodies to be sorted and in an image of that size and the
// packs of req.
func checkBodies(list []sdk.Body, req *sdk.Request, size int64) error {
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
		case b.Offset > size || b.Length > size-b.Offset:
			return fmt.Errorf("body %d is not in the image, which has %d bytes", i, size)
		case b.Layer >= len(packs):
			return fmt.Errorf("body %d is in layer %d of %d", i, b.Layer, len(packs))
		case b.PackOffset > packs[b.Layer] || b.Length > packs[b.Layer]-b.PackOffset:
			return fmt.Errorf("body %d is not in its pack, which has %d bytes", i, packs[b.Layer])
		}
		end = b.Offset + b.Length
	}
	return nil
}
