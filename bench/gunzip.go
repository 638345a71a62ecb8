package main

import (
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// gunzip decompresses the largest layer of an image to nowhere.
func gunzip(layout string) error {
	im, err := readImage(layout)
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	path := im.largest()
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("decompress: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("decompress %s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, z); err != nil {
		return fmt.Errorf("decompress %s: %w", path, err)
	}
	return nil
}
