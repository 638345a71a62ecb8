package cas

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Work is the check of one object in pieces. Those of all objects together
// keep each core busy once.
type Work struct {
	ctx context.Context
	v   *verification
	all sync.WaitGroup

	mu  sync.Mutex
	err error // the first of a piece
}

// Go waits for a free core and runs a piece there, with a buffer that is its
// own until it returns. After the end of the context, or an error of another
// piece, it does nothing. A piece must not call Go.
func (w *Work) Go(piece func(buf []byte) error) {
	var buf []byte
	select {
	case buf = <-w.v.buffers:
	case <-w.ctx.Done():
		w.fail(w.ctx.Err())
		return
	}
	if w.failed() != nil {
		w.v.buffers <- buf
		return
	}
	w.all.Go(func() {
		defer func() { w.v.buffers <- buf }()
		if err := piece(buf); err != nil {
			w.fail(err)
		}
	})
}

// Read says that n bytes of the object have been read.
func (w *Work) Read(n int64) {
	done := w.v.done.Add(n)
	if w.v.o.Progress != nil {
		w.v.o.Progress(done, max(done, w.v.total))
	}
}

// Wait waits for all pieces and returns the first error.
func (w *Work) Wait() error {
	w.all.Wait()
	return w.failed()
}

func (w *Work) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

func (w *Work) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// check returns what is wrong with an object.
func (v *verification) check(ctx context.Context, k kind, d digest.Digest, path string) error {
	w := &Work{ctx: ctx, v: v}
	var err error
	switch k {
	case kindBlob:
		w.Go(func(buf []byte) error { return hashBlob(ctx, d, path, buf, w.Read) })
	case kindLayer:
		err = v.layer(ctx, d, path, w)
	case kindArtifact:
		err = v.artifact(ctx, d, path, w)
	case kindAction:
		w.Go(func([]byte) error { return v.action(d, path, w) })
	}
	return cmp.Or(w.Wait(), err)
}

func (v *verification) layer(ctx context.Context, d digest.Digest, path string, w *Work) error {
	l, err := layerAt(path)
	if err != nil || v.o.CheckLayer == nil {
		return err
	}
	l.DiffID = d
	return v.o.CheckLayer(ctx, l, w)
}

// artifact hashes an image, each chunk as a piece. A chunk that is a hole is
// not read.
func (v *verification) artifact(ctx context.Context, d digest.Digest, path string, w *Work) error {
	i, err := openImageOf(path, d)
	if err != nil {
		return err
	}
	defer func() { _ = i.f.Close() }()
	sums := make([]*string, len(i.m.Chunks))
	numbers := make(chan int64)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(numbers)
		return sendChunks(ctx, i.f, i.m.Size, numbers)
	})
	for n := range numbers {
		w.Go(func(buf []byte) (err error) {
			off := n * chunkSize
			size := min(chunkSize, i.m.Size-off)
			sums[n], err = hashChunk(ctx, i.f, off, size, buf)
			w.Read(size)
			return err
		})
	}
	if err := cmp.Or(w.Wait(), g.Wait()); err != nil {
		return err
	}
	return i.m.compare(sums)
}

// action checks an action's file, and that all it names is there.
func (v *verification) action(key digest.Digest, path string, w *Work) error {
	b, err := readSmall(path, maxAction)
	if err != nil {
		return err
	}
	w.Read(int64(len(b)))
	a, err := decodeAction(b, key)
	if errors.Is(err, errOtherVersion) {
		// Each version ends with the checksum, so that damage to the number
		// itself is none.
		if err := checkActionSum(b); err != nil {
			return fmt.Errorf("%w: %w", errBadContent, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	return v.s.named(a)
}

// named returns an errDangling unless everything that a names is there, in
// whatever state.
func (s *Store) named(a Action) error {
	for _, d := range a.Blobs {
		if err := s.exists(kindBlob, d); err != nil {
			return err
		}
	}
	if a.Artifact == "" {
		return nil
	}
	if err := s.exists(kindArtifact, a.Artifact); err != nil {
		return err
	}
	if m := s.peekManifest(a.Artifact); m != nil {
		return s.peekLayers(m)
	}
	return nil
}

// peekManifest returns the manifest of an artifact, or nil if that is damaged.
func (s *Store) peekManifest(d digest.Digest) *manifest {
	dir, err := s.object(kindArtifact, d)
	if err != nil {
		return nil
	}
	m, err := manifestAt(dir, d)
	if err != nil {
		return nil
	}
	return m
}

// peekLayers returns an errDangling if a layer that an artifact needs is not
// there as it was when that was made.
func (s *Store) peekLayers(m *manifest) error {
	l, err := s.layersAsMade(m)
	if absent(err) {
		return fmt.Errorf("%w: layer %s", errDangling, l)
	}
	if err != nil && (damage(err) || errors.Is(err, ErrNotFound)) {
		return fmt.Errorf("%w: layer %s: %s", errDangling, l, err.Error())
	}
	return err
}

func (s *Store) exists(k kind, d digest.Digest) error {
	path, err := s.object(k, d)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); absent(err) {
		return fmt.Errorf("%w: %s %s", errDangling, k, d)
	}
	return nil
}

// isCut says whether err means that a file ended before it should.
func isCut(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }

// endOfDir is the error of a walk through a directory.
func endOfDir(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// onDisk returns how many bytes of a file there are to read: holes are not.
func onDisk(path, name string) int64 {
	var st unix.Stat_t
	if unix.Lstat(filepath.Join(path, name), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0
	}
	return min(st.Size, st.Blocks*512) // of stat(2): 512 bytes, whatever the filesystem's are
}
