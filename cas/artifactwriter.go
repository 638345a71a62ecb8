package cas

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// artifactWriter is the ArtifactWriter of a Store.
type artifactWriter struct {
	s     *Store
	dir   string
	path  string // of the image
	ended bool
}

// NewArtifact implements [Artifacts].
func (s *Store) NewArtifact() (ArtifactWriter, error) {
	dir, err := s.tempName("artifact")
	if err != nil {
		return nil, fmt.Errorf("begin artifact: %w", err)
	}
	work := filepath.Join(dir, "work")
	w := &artifactWriter{s: s, dir: dir, path: filepath.Join(work, imageName)}
	err = s.disk.mkdir(dir, 0o777)
	if err == nil {
		err = s.disk.mkdir(work, 0o777)
	}
	if err != nil {
		w.Abort()
		return nil, fmt.Errorf("begin artifact: %w", Classify(err))
	}
	return w, nil
}

func (w *artifactWriter) Path() string { return w.path }

func (w *artifactWriter) Commit(ctx context.Context, mediaType string) (Artifact, error) {
	return w.CommitWithout(ctx, mediaType, Bodies{}, nil)
}

func (w *artifactWriter) CommitWithout(ctx context.Context, mediaType string, b Bodies, out *Output) (Artifact, error) {
	defer w.Abort()
	d, err := w.commit(ctx, mediaType, b, out)
	if err != nil {
		return Artifact{}, fmt.Errorf("commit artifact: %w", Classify(err))
	}
	return w.s.Artifact(d)
}

func (w *artifactWriter) commit(ctx context.Context, mediaType string, b Bodies, out *Output) (d digest.Digest, err error) {
	if w.ended {
		return "", errEnded
	}
	if mediaType == "" || len(mediaType) > maxMediaType || !utf8.ValidString(mediaType) {
		return "", fmt.Errorf("invalid media type %.100q", mediaType)
	}
	f, size, err := openImage(w.path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	m := &manifest{ChunkSize: chunkSize, MediaType: mediaType, Size: size}
	list, err := w.s.bind(m, b)
	if err != nil {
		return "", err
	}
	bodies, err := m.listBodies(list)
	if err != nil {
		return "", err
	}
	if out != nil {
		end := w.fill(ctx, out, m, list)
		defer func() { end(err == nil) }()
	}
	if err := w.sealImage(ctx, f, m); err != nil {
		return "", err
	}
	text, err := canonicalJSON(m)
	if err != nil {
		return "", err
	}
	object := filepath.Join(w.dir, "object")
	if err := w.assemble(object, text, bodies); err != nil {
		return "", err
	}
	d = digest.FromBytes(text)
	return d, w.s.publish(ctx, kindArtifact, d, object, func(path string) error {
		_, err := artifactAt(path, d)
		return err
	})
}

// bind notes in m the bodies of the image and the layers that they lie in,
// which no gc removes from then on. It returns the bodies with their layers as
// m counts them.
func (s *Store) bind(m *manifest, b Bodies) (list []Body, err error) {
	if len(b.List) == 0 {
		return nil, nil
	}
	if b, err = b.used(); err != nil {
		return nil, err
	}
	m.Bodies = &bodiesOf{}
	for _, d := range b.Layers {
		if err := s.use(Object{KindLayer, d}); err != nil {
			return nil, err
		}
		l, err := s.describeLayer(d)
		if err != nil {
			return nil, s.readError(kindLayer, d, err)
		}
		m.Bodies.Layers = append(m.Bodies.Layers, l)
	}
	if err := b.check(m.Size, m.Bodies.packSizes()); err != nil {
		return nil, err
	}
	return b.List, nil
}

// listBodies notes in m the file that lists the bodies that were bound, and
// returns it; nil if there are none.
func (m *manifest) listBodies(list []Body) (file []byte, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	if file = encodeBodies(list); len(file) > maxBodies {
		return nil, fmt.Errorf("%w: a list of %d bodies", ErrTooLarge, len(list))
	}
	m.Bodies.SHA256 = digest.FromBytes(file).Encoded()
	return file, nil
}

// fill gives out the whole image while it is being committed. The caller calls
// end and says whether anybody still wants it.
func (w *artifactWriter) fill(ctx context.Context, out *Output, m *manifest, list []Body) (end func(wanted bool)) {
	src := &source{openedImage: &openedImage{m: &manifest{Size: m.Size}, bodies: list}}
	if err := w.openSource(src, m); err != nil {
		src.close()
		out.fill(func(*outFile) error { return err })
		return func(bool) {}
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer src.close()
		out.copy(ctx, src)
	}()
	return func(wanted bool) {
		if !wanted {
			stop()
		}
		<-done
		stop()
	}
}

// openSource opens what the image is made of, before it moves to its place.
func (w *artifactWriter) openSource(src *source, m *manifest) (err error) {
	if src.f, _, err = openRegular(w.path); err != nil {
		return err
	}
	return w.s.openPacks(src, m)
}

// assemble makes the artifact's directory of the image, its bodies and its
// manifest.
func (w *artifactWriter) assemble(object string, manifest, bodies []byte) error {
	if err := w.s.disk.mkdir(object, 0o777); err != nil {
		return err
	}
	if err := w.s.writeSmall(filepath.Join(object, manifestName), manifest, readOnly); err != nil {
		return err
	}
	if bodies != nil {
		if err := w.s.writeSmall(filepath.Join(object, bodiesName), bodies, readOnly); err != nil {
			return err
		}
	}
	if err := w.s.disk.rename(w.path, filepath.Join(object, imageName), true); err != nil {
		return err
	}
	return errors.Join(w.s.owner.takeDir(object), w.s.disk.syncDir(object))
}

func (w *artifactWriter) Abort() {
	if !w.ended {
		w.ended = true
		_ = removeTree(w.dir)
	}
}

// sealImage hashes the image while it is being synced, notes in m what it is,
// and closes it.
func (w *artifactWriter) sealImage(ctx context.Context, f *os.File, m *manifest) error {
	if err := w.s.owner.take(f); err != nil {
		return err
	}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return w.s.disk.sync(f) })
	both.Go(func() (err error) {
		m.Chunks, err = hashChunks(ctx, f, m.Size, func(off, n int64) { punch(f, off, n) })
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	return w.s.disk.close(f)
}

// openImage opens a builder's image for reading and punching holes, gives the
// file the permissions to read of its directory, which the user's umask made,
// and returns its size.
func openImage(path string) (*os.File, int64, error) {
	if err := checkImage(path); err != nil {
		return nil, 0, fmt.Errorf("image %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	size, err := settleMode(f, filepath.Dir(path))
	if err != nil {
		_ = f.Close()
	}
	return f, size, err
}

// checkImage refuses what is no file of the builder's own.
func checkImage(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return ErrNotRegular
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return fmt.Errorf("it has %d names, want 1", st.Nlink)
	}
	return nil
}

func settleMode(f *os.File, dir string) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	parent, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	return info.Size(), f.Chmod(readOnly & parent.Mode())
}
