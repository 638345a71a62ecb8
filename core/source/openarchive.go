package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"banger/internal/hint"
)

// openArchive opens a tar of images. A plain one in a regular file is read in
// place; a compressed one, and one that comes through a pipe, is first copied
// to a temporary file.
func openArchive(ctx context.Context, path string, o Options) (*archive, error) {
	f, err := openFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	plain, err := plainArchive(ctx, f, path, o)
	if plain != f {
		_ = f.Close()
	}
	if err != nil {
		return nil, err
	}
	return newArchive(ctx, plain)
}

// openFile is os.Open that ends with ctx: a fifo opens when someone opens its
// other end. An open that was given up waits on until then.
func openFile(ctx context.Context, path string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened)
	go func() {
		f, err := os.Open(path)
		select {
		case done <- opened{f, err}:
		case <-ctx.Done():
			if err == nil {
				_ = f.Close()
			}
		}
	}()
	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// plainArchive returns f itself if it is a plain tar in a regular file, or
// else a plain copy.
func plainArchive(ctx context.Context, f *os.File, path string, o Options) (*os.File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	switch {
	case info.IsDir():
		return nil, hint.With(fmt.Errorf("%w: %s is a directory", ErrReference, path), "for an OCI image layout, use oci:"+path)
	case info.Mode()&fs.ModeNamedPipe != 0:
		stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		return copyPlain(ctx, f, o)
	case !info.Mode().IsRegular():
		return nil, invalid("%s is neither a file nor a pipe", path)
	}
	head := make([]byte, magicSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	if compressionOf(head[:n]) == compressionNone {
		return f, nil
	}
	return copyPlain(ctx, f, o)
}

// copyPlain decompresses r into a spool.
func copyPlain(ctx context.Context, r io.Reader, o Options) (*os.File, error) {
	in := &countingReader{r: ctxReader{ctx, r}}
	br := bufio.NewReaderSize(in, 256<<10)
	head, err := br.Peek(magicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readArchiveError(ctx, err)
	}
	plain, err := decompress(br, compressionOf(head))
	if err != nil {
		return nil, readArchiveError(ctx, err)
	}
	defer plain.Close()
	return o.spool(func(w io.Writer) error {
		_, err := io.Copy(&ratioWriter{w: w, in: in}, plain)
		var disk *fs.PathError
		if ctx.Err() == nil && errors.As(err, &disk) {
			return fmt.Errorf("copy archive: %w", err)
		}
		return readArchiveError(ctx, err)
	})
}

// readArchiveError tells damage of the archive from the end of the context.
func readArchiveError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("read archive: %w", context.Cause(ctx))
	case errors.Is(err, ErrInvalid):
		return err
	}
	return invalid("decompress archive: %w", err)
}
