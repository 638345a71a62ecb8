package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"banger/sdk"
)

// leavesBodies builds with leave to leave contents to banger, puts them in as
// banger does, and wants what a build without that leave gives.
func leavesBodies(ctx context.Context, k *kit) error {
	if k.description.Input != sdk.InputTree {
		return nil // it has no packs to leave anything in
	}
	for _, g := range goldens {
		j, err := k.newJob(ctx, g, nil)
		if err != nil {
			return err
		}
		j.req.BodiesPath = filepath.Join(filepath.Dir(j.req.TreePath), "bodies")
		if err := k.run(ctx, j); err != nil {
			return fmt.Errorf("the tree %s: %w", g.name, err)
		}
		err = j.keptWord()
		left, putErr := j.putIn()
		if err = errors.Join(err, putErr); err == nil && left {
			err = k.sameAsWhole(ctx, g, j)
		}
		if err != nil {
			return fmt.Errorf("the tree %s, contents left to banger: %w", g.name, err)
		}
	}
	return nil
}

// placed is what a builder says before its image is there, and the list of
// bodies as it is then.
type placed struct {
	size int64
	list []byte
	err  error
}

// keptWord holds a builder that has placed bodies early to that.
func (j *job) keptWord() error {
	if len(j.placed) == 0 {
		return nil
	}
	p := j.placed[0]
	image, imageErr := os.Stat(j.req.Output)
	list, listErr := os.ReadFile(j.req.BodiesPath)
	switch err := errors.Join(p.err, imageErr, listErr); {
	case len(j.placed) > 1:
		return errors.New("it says twice that its list of bodies is complete")
	case err != nil:
		return fmt.Errorf("it says that its list of bodies is complete: %w", err)
	case !bytes.Equal(p.list, list):
		return errors.New("it changes its list of bodies, which it says is complete")
	case p.size != image.Size():
		return fmt.Errorf("the image has %d bytes, and it says %d when it places its bodies", image.Size(), p.size)
	}
	return nil
}

// putIn puts the bodies that the builder has left into the image, and says
// whether there are any.
func (j *job) putIn() (bool, error) {
	in, err := os.Open(j.req.BodiesPath)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer in.Close()
	list, err := sdk.ReadBodies(in, 0)
	if err != nil {
		return false, err
	}
	image, err := os.OpenFile(j.req.Output, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer image.Close()
	info, err := image.Stat()
	if err != nil {
		return false, err
	}
	pack, end := j.inputs[j.req.PackPaths[0]], int64(0)
	for i, b := range list {
		switch {
		case b.Length <= 0 || b.Offset < end || b.Offset > info.Size() || b.Length > info.Size()-b.Offset:
			return false, fmt.Errorf("body %d is empty, out of order, over another one, or not in the image: %+v", i, b)
		case b.Layer != 0 || b.PackOffset > int64(len(pack)) || b.Length > int64(len(pack))-b.PackOffset:
			return false, fmt.Errorf("body %d is not in a pack: %+v", i, b)
		}
		if _, err := image.WriteAt(pack[b.PackOffset:][:b.Length], b.Offset); err != nil {
			return false, err
		}
		end = b.Offset + b.Length
	}
	return len(list) > 0, nil
}

// sameAsWhole compares a filled image with the tree, and with one that was
// built whole.
func (k *kit) sameAsWhole(ctx context.Context, g golden, j *job) error {
	if err := k.compare(ctx, j); err != nil || !k.description.Deterministic {
		return err
	}
	whole, err := k.image(ctx, g)
	if err != nil {
		return err
	}
	at, err := difference(whole, j.req.Output)
	if err == nil && at >= 0 {
		err = fmt.Errorf("the image differs from one that is built whole, first at byte %d: does it read what it has copied, or write over it?", at)
	}
	return err
}
