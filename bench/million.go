package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"

	"banger/internal/ocitest"
)

const (
	manyDirs  = 1000
	manyFiles = 1000 // in each
	// manyMiB is 1 KB for each of them.
	manyMiB = manyDirs * (manyFiles + 1) >> 10
)

// million is the cold build of an image of a million entries, which has a
// limit in memory: 1 KB an entry for banger and the builder, each.
func (s setup) million() contest {
	layout := filepath.Join(s.dir, "million-oci")
	store, image := filepath.Join(s.dir, "million-store"), filepath.Join(s.dir, "million.ext4")
	return contest{
		name:     "a million entries: cold build, ext4",
		ours:     side{"banger build, ext4", s.build("ext4", layout, store, image)},
		rival:    side{"true", []string{"true"}},
		before:   func(context.Context) error { return writeMillion(layout) },
		prepare:  func() error { return removeAll(store, image) },
		peakMiB:  manyMiB,
		teardown: func() error { return removeAll(store, image, layout) },
	}
}

// writeMillion makes an image of small files with ordinary names.
func writeMillion(layout string) error {
	var blob bytes.Buffer
	zipped, sum := gzip.NewWriter(&blob), sha256.New()
	w := tar.NewWriter(io.MultiWriter(zipped, sum))
	if err := writeMany(w); err != nil {
		return fmt.Errorf("make an image of a million entries: %w", err)
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := zipped.Close(); err != nil {
		return err
	}
	if err := os.Mkdir(layout, 0o755); err != nil {
		return err
	}
	_, err := ocitest.Write(layout, ocitest.Layer{Blob: blob.Bytes(), Compression: ocitest.Gzip, DiffID: digest.NewDigest(digest.SHA256, sum)})
	return err
}

func writeMany(w *tar.Writer) error {
	const text = "hello"
	at := time.Unix(1_600_000_000, 0)
	for d := range manyDirs {
		dir := fmt.Sprintf("dir-%04d/", d)
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: at}); err != nil {
			return err
		}
		for f := range manyFiles {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%ssome-file-name-%04d.txt", dir, f), Mode: 0o644, Size: int64(len(text)), ModTime: at}
			if err := w.WriteHeader(h); err != nil {
				return err
			}
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
		}
	}
	return nil
}
