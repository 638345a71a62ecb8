package cas

import (
	"context"
	"errors"
	"slices"
)

var errUnfinished = errors.New("it was begun, and no artifact was committed with it")

// begun is what an output has of an image that is still being made: its bodies,
// or those that are copied by now.
type begun struct {
	src  *source // without the image's file
	stop context.CancelFunc
	done chan struct{}
	err  error // of the copy, once done is closed
}

// Begin has the bodies of an image that is still being made, and that will have
// size bytes, copied into the file, and returns while that goes on; it ends with
// ctx. The [ArtifactWriter] that gets the file adds the rest of the image. If that
// has another size or other bodies after all, or if somebody has written to their
// layers meanwhile, the file is made anew. What is wrong with the bodies is for
// the ArtifactWriter to tell. A second call does nothing.
func (o *Output) Begin(ctx context.Context, size int64, b Bodies) {
	if o.err != nil || o.begun != nil || o.store == nil || len(b.List) == 0 {
		return
	}
	src, err := o.store.openBodies(size, b)
	if err != nil {
		return
	}
	ctx, stop := context.WithCancel(ctx)
	g, out := &begun{src: src, stop: stop, done: make(chan struct{})}, o.out
	o.begun = g
	go func() {
		defer close(g.done)
		defer src.close()
		g.err = out.disk.fillBodies(ctx, out, src)
	}()
}

// openBodies opens the layers of the bodies of an image that will have size
// bytes. Unlike bind it does not look at their indexes.
func (s *Store) openBodies(size int64, b Bodies) (*source, error) {
	b, err := b.used()
	if err != nil {
		return nil, err
	}
	src := &source{openedImage: &openedImage{m: &manifest{Size: size}, bodies: b.List}}
	if err := s.openLayers(src, size, b); err != nil {
		src.close()
		return nil, err
	}
	return src, nil
}

func (s *Store) openLayers(src *source, size int64, b Bodies) error {
	sizes := make([]int64, len(b.Layers))
	for i, d := range b.Layers {
		o := Object{KindLayer, d}
		err := s.use(o)
		if err == nil {
			sizes[i], err = s.openPack(src, o)
		}
		if err != nil {
			return err
		}
	}
	return b.check(size, sizes)
}

// goOn has the output hold all of the image of src.
func (g *begun) goOn(ctx context.Context, out *outFile, src *source) error {
	if src.sameBodies(g.src) {
		if err := g.end(ctx); err != nil {
			return err
		}
		return out.disk.fillRest(ctx, out, src)
	}
	g.abort()
	if err := out.f.Truncate(0); err != nil {
		return err
	}
	return out.disk.fill(ctx, out, src)
}

// end waits for the copy, which fails if ctx ends.
func (g *begun) end(ctx context.Context) error {
	defer context.AfterFunc(ctx, g.stop)()
	<-g.done
	return g.err
}

// abort ends the copy, if there is one.
func (g *begun) abort() {
	if g != nil {
		g.stop()
		<-g.done
	}
}

// sameBodies says whether two images have the same size and the same bodies of
// layers that nobody has written to in between.
func (src *source) sameBodies(other *source) bool {
	return src.m.Size == other.m.Size && slices.Equal(src.bodies, other.bodies) && slices.Equal(src.states, other.states)
}
