// Package sparse reads the contents of a tree's regular files from packs:
// the extents as data, what lies between them as holes.
//
// What it reads it checks against the SHA-256 that the tree has of the whole
// file, so that a damaged pack becomes an error and never a wrong file. It
// holds one buffer of the caller's in memory and nothing else.
package sparse

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"banger/sdk/tree"
)

// ErrContent is wrapped by the error about a file whose pack does not hold
// the content that the tree says.
var ErrContent = errors.New("pack does not hold the tree's content")

// Sink takes a file's content in order of offset, every byte once. Data is
// only valid during the call.
type Sink interface {
	Data(offset int64, p []byte) error
	Hole(offset, length int64) error
}

// Segment is a part of a file's content and where it is in an image, all in
// bytes.
type Segment struct {
	Offset, ImageOffset, Length int64
}

// Reader reads the files of one tree. It is not safe for concurrent use:
// give each goroutine its own. The zero value with its exported fields set is
// ready.
type Reader struct {
	Tree  *tree.Tree
	Packs tree.Packs
	Buf   []byte // takes what is read; its length is the largest Data

	sum hash.Hash
}

// zeros stand in for holes when a file is hashed.
var zeros [64 << 10]byte

// Read passes the content of the regular file e to sink and then compares
// its hash. An error of content wraps ErrContent and names the path; by then
// sink has seen some or all of the wrong bytes. Errors of sink and of ctx are
// returned as they are.
func (r *Reader) Read(ctx context.Context, e *tree.Entry, sink Sink) error {
	if r.sum == nil {
		r.sum = sha256.New()
	}
	r.sum.Reset()
	var at int64
	for i := range e.Extents {
		x := &e.Extents[i]
		if err := r.hole(ctx, at, x.Offset, sink); err != nil {
			return err
		}
		if err := r.extent(ctx, e, x, sink); err != nil {
			return err
		}
		at = x.Offset + x.Length
	}
	if err := r.hole(ctx, at, e.Size, sink); err != nil {
		return err
	}
	var got [sha256.Size]byte
	if r.sum.Sum(got[:0]); got != e.SHA256 {
		return fmt.Errorf("read %q: %w: sha256 is %x, the tree says %x", e.Path, ErrContent, got, e.SHA256)
	}
	return nil
}

func (r *Reader) extent(ctx context.Context, e *tree.Entry, x *tree.Extent, sink Sink) error {
	if x.Layer < 0 || x.Layer >= len(r.Tree.Layers) {
		return fmt.Errorf("read %q: %w: extent in layer %d of %d", e.Path, ErrContent, x.Layer, len(r.Tree.Layers))
	}
	pack, err := r.Packs.Pack(x.Layer)
	if err != nil {
		return fmt.Errorf("read %q: open pack of %s: %w", e.Path, r.Tree.Layers[x.Layer], err)
	}
	for done := int64(0); done < x.Length; {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := r.Buf[:min(int64(len(r.Buf)), x.Length-done)]
		if n, err := pack.ReadAt(p, x.PackOffset+done); n < len(p) {
			return readError(e.Path, r.Tree.Layers[x.Layer], err)
		}
		r.sum.Write(p)
		if err := sink.Data(x.Offset+done, p); err != nil {
			return err
		}
		done += int64(len(p))
	}
	return nil
}

func readError(path, layer string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("read %q: %w: the pack of %s is too short", path, ErrContent, layer)
	}
	return fmt.Errorf("read %q from the pack of %s: %w", path, layer, err)
}

func (r *Reader) hole(ctx context.Context, from, to int64, sink Sink) error {
	if from == to {
		return nil
	}
	for at := from; at < to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(to-at, int64(len(zeros)))
		r.sum.Write(zeros[:n])
		at += n
	}
	return sink.Hole(from, to-from)
}
