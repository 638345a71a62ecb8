// Package unpack turns the stream of one image layer into a verified blob and
// an unpacked layer: an index of its tar entries (core/layer) and a pack with
// the contents of its files.
//
// It is one pass. A goroutine reads, hashes and writes the compressed bytes,
// one decompresses them, and the caller's parses the tar, hashes each file and
// writes pack and index. It hashes the plain tar, too, where the processor can
// do that together with the files; elsewhere one more goroutine does. They pass
// buffers of a fixed number around, so a layer of any size takes a few MiB.
//
// What holds when Unpack returns nil: the blob has the digest and the size
// that the manifest gives, the plain tar has its diffID, both to the last
// byte; every entry of the tar is in the index, in order, names and targets
// verbatim; every file's SHA-256 is of its whole content, holes read as
// zeros. What does not hold: that paths make sense. Names that climb out,
// dangling links and whiteouts are core/flatten's to judge.
//
// Compression is told by the first bytes, never by the media type: gzip with
// any number of members, zstd with any number of frames (skippable ones too),
// or none. Anything after the last member or frame, zeros included, is
// damage, as it is to containerd's decompressor in Go. What follows the end
// of the tar itself is only hashed.
package unpack

import (
	"context"
	"crypto/sha256"
	_ "crypto/sha512" // for digests by it
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"

	"banger/core/layer"
	"banger/internal/twosums"
)

var (
	// ErrDigest says that the compressed blob is not the one of the manifest.
	ErrDigest = errors.New("blob does not match its digest")
	// ErrDiffID says that the plain tar is not the one of the image's config.
	ErrDiffID = errors.New("layer does not match its diffID")
	// ErrCorrupt says that the blob is what the manifest names, and yet is
	// damaged in its compression or its tar.
	ErrCorrupt = errors.New("damaged layer")
	// ErrProgram says that Dest.Gunzip was used and the layer came out wrong,
	// though its blob is the one of the manifest and was read and written whole:
	// without the program, the blob tells what is the matter, if anything is.
	ErrProgram = errors.New("decompressed by another program")
	// ErrLimit is wrapped by every [LimitError].
	ErrLimit = errors.New("layer exceeds a limit")
)

// Layer says what the image claims of a layer.
type Layer struct {
	// Digest and Size are those of the blob, as in the manifest. An empty
	// Digest and a Size of -1 are unknown and not checked, as for the layers
	// of a docker-archive.
	Digest digest.Digest
	Size   int64
	// MediaType is only mentioned in errors.
	MediaType string
	// DiffID is the digest of the plain tar; empty is unknown. One of Digest
	// and DiffID must be known.
	DiffID digest.Digest
}

// name returns the digest by which errors name the layer.
func (l *Layer) name() digest.Digest {
	if l.Digest != "" {
		return l.Digest
	}
	return l.DiffID
}

// Dest is where Unpack writes, and what helps it. Each writer is used by one goroutine at a time,
// but Blob by another than the rest.
type Dest struct {
	// Blob gets the bytes as they came; nil: they are not kept. One with a method
	// Digest is asked for the SHA-256 of what was written to it, which is then
	// not computed twice.
	Blob        io.Writer
	Pack, Index io.Writer
	// Gunzip is a command that decompresses gzip from standard input to standard
	// output faster than the library does; empty if there is none. What is
	// accepted is the same: see ErrProgram.
	Gunzip []string
}

// Result tells what a layer was found to be.
type Result struct {
	Digest, DiffID digest.Digest // as computed
	Size           int64         // of the blob in bytes
	TarSize        int64         // of the plain tar in bytes
	PackSize       int64         // in bytes
	Entries        int           // in the index
}

// Unpack reads the layer l from r to its end and writes it to dst. Only when
// it returns nil is what it wrote worth keeping; the caller removes it
// otherwise. progress, if not nil, is called from one other goroutine with
// the count of compressed bytes read so far.
//
// Unpack ends soon after ctx does, given that a Read of r and a Write of dst
// do; no goroutine outlives it. It keeps and closes none of its arguments.
//
// Errors name the layer, and the entry and its path where one is at fault.
// They wrap one of this package's sentinels, ctx's error, or the error of r
// or of a writer. When decompressing or parsing fails, the rest of r is read
// first: a blob with the wrong digest is reported as that.
func Unpack(ctx context.Context, r io.Reader, l Layer, dst Dest, lim Limits, progress func(int64)) (Result, error) {
	res, err := unpack(ctx, r, &l, dst, lim.withDefaults(), progress)
	if err != nil {
		return Result{}, fmt.Errorf("unpack layer %s: %w", l.name(), err)
	}
	return res, nil
}

func unpack(ctx context.Context, r io.Reader, l *Layer, dst Dest, lim Limits, progress func(int64)) (Result, error) {
	if err := l.validate(); err != nil {
		return Result{}, err
	}
	all, stopAll := context.WithCancel(ctx)
	defer stopAll()
	plain, stopPlain := context.WithCancel(all)
	defer stopPlain()

	blobPipe, tarPipe := newPipe(), newPipe()
	fetch := &fetcher{r: r, layer: l, blob: dst.Blob, limits: &lim, progress: progress}
	decompress := &decompressor{layer: l, limits: &lim, gunzip: dst.Gunzip}
	sum := hasher(l.DiffID)
	tar, outs := &plainTar{in: tarPipe}, []*pipe{tarPipe}
	var wg sync.WaitGroup
	if twosums.Fast() && sum.Hash().Size() == sha256.Size {
		tar.sum = sum.Hash()
	} else {
		sumPipe := newPipe()
		outs = append(outs, sumPipe)
		wg.Go(func() { sumTar(sum.Hash(), sumPipe) })
	}
	wg.Go(func() { fetch.run(all, blobPipe) })
	wg.Go(func() { decompress.run(plain, blobPipe, outs) })

	c := newContents(l, &lim, tar, dst.Pack)
	parseErr := c.run(plain, dst.Index)
	if parseErr != nil {
		stopPlain()
		if !errors.Is(parseErr, ErrCorrupt) {
			stopAll() // the digest would explain nothing
		}
	}
	wg.Wait()

	res := Result{
		Digest: fetch.digest, DiffID: sum.Digest(), Size: fetch.size,
		TarSize: decompress.size, PackSize: c.pack.offset, Entries: c.entries,
	}
	if err := verdict(ctx, l, &res, fetch.err, parseErr); err != nil {
		if decompress.forked && (errors.Is(err, ErrCorrupt) || errors.Is(err, ErrDiffID)) {
			err = fmt.Errorf("%w: %w", ErrProgram, err)
		}
		return Result{}, err
	}
	x := &layer.Index{DiffID: string(res.DiffID), TarSize: res.TarSize, PackSize: res.PackSize, HeaderSize: c.tar.HeaderSize()}
	if err := c.index.Close(x); err != nil {
		return Result{}, err
	}
	return res, nil
}

// verdict picks the error that is the cause of the others: first what stopped
// everything, then a wrong blob, then damage inside the right one.
func verdict(ctx context.Context, l *Layer, res *Result, fetchErr, parseErr error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case parseErr != nil && !errors.Is(parseErr, ErrCorrupt) && !errors.Is(parseErr, errUpstream):
		return parseErr
	case fetchErr != nil:
		return fetchErr
	case l.Digest != "" && res.Digest != l.Digest:
		return fmt.Errorf("%w: read %s", ErrDigest, res.Digest)
	case parseErr != nil:
		return parseErr
	case l.DiffID != "" && res.DiffID != l.DiffID:
		return fmt.Errorf("%w: want %s, got %s", ErrDiffID, l.DiffID, res.DiffID)
	}
	return nil
}

func (l *Layer) validate() error {
	if l.Digest == "" && l.DiffID == "" {
		return errors.New("neither digest nor diffID is known")
	}
	for _, d := range []digest.Digest{l.Digest, l.DiffID} {
		if d == "" {
			continue
		}
		if err := d.Validate(); err != nil {
			return fmt.Errorf("digest %q: %w", d, err)
		}
	}
	return nil
}

// hasher returns a digester of want's algorithm, SHA-256 if it is unknown.
func hasher(want digest.Digest) digest.Digester {
	if want == "" {
		return digest.Canonical.Digester()
	}
	return want.Algorithm().Digester()
}

// sumTar hashes the plain tar.
func sumTar(sum hash.Hash, in *pipe) {
	for c := range in.chunks {
		_, _ = sum.Write(c.data) // a hash never fails
		c.release()
	}
}
