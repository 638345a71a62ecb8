// Package ocitest writes OCI image layouts by hand for tests, honest ones and
// ones that lie: a blob may be damaged after its digest was taken, and a
// config may claim another diffID than its layer has.
package ocitest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// Compression is how a layer's tar becomes its blob.
type Compression string

// The compressions, as the ends of OCI media types.
const (
	Gzip  Compression = "+gzip"
	Zstd  Compression = "+zstd"
	Plain Compression = ""
)

// Layer is one layer of a test image.
type Layer struct {
	Tar         []byte
	Compression Compression
	// Blob, if set, is the blob as it is, whatever Tar and Compression say.
	Blob []byte
	// DiffID is what the config claims; "" is the truth.
	DiffID digest.Digest
	// Damage changes the blob after its digest and size were taken.
	Damage func(blob []byte) []byte
}

// Write makes dir an OCI layout with one image for linux/amd64, tagged
// "latest", and returns its manifest's digest.
func Write(dir string, layers ...Layer) (digest.Digest, error) {
	return WriteWith(dir, map[string]any{}, layers...)
}

// WriteWith does what Write does, for an image with the given execution
// parameters: the member "config" of the image's config.
func WriteWith(dir string, run map[string]any, layers ...Layer) (digest.Digest, error) {
	w := &writer{dir: dir}
	config := map[string]any{"architecture": "amd64", "os": "linux", "config": run}
	var diffIDs []digest.Digest
	descs := []descriptor{}
	for _, l := range layers {
		d := l.DiffID
		if d == "" {
			d = digest.FromBytes(l.Tar)
		}
		diffIDs = append(diffIDs, d)
		descs = append(descs, w.layer(l))
	}
	config["rootfs"] = map[string]any{"type": "layers", "diff_ids": diffIDs}
	manifest := w.json("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        w.json("application/vnd.oci.image.config.v1+json", config),
		"layers":        descs,
	})
	manifest.Annotations = map[string]string{"org.opencontainers.image.ref.name": "latest"}
	w.file("index.json", marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}}))
	w.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return manifest.Digest, w.err
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      digest.Digest     `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// writer writes a layout and keeps the first error.
type writer struct {
	dir string
	err error
}

func (w *writer) layer(l Layer) descriptor {
	blob := l.Blob
	if blob == nil {
		blob = Compress(l.Tar, l.Compression)
	}
	d := descriptor{MediaType: "application/vnd.oci.image.layer.v1.tar" + string(l.Compression), Digest: digest.FromBytes(blob), Size: len(blob)}
	if l.Damage != nil {
		blob = l.Damage(bytes.Clone(blob))
	}
	w.file(filepath.Join("blobs", "sha256", d.Digest.Encoded()), blob)
	return d
}

func (w *writer) json(mediaType string, v any) descriptor {
	b := marshal(v)
	d := descriptor{MediaType: mediaType, Digest: digest.FromBytes(b), Size: len(b)}
	w.file(filepath.Join("blobs", "sha256", d.Digest.Encoded()), b)
	return d
}

func (w *writer) file(name string, b []byte) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, name)
	if w.err = os.MkdirAll(filepath.Dir(path), 0o755); w.err == nil {
		w.err = os.WriteFile(path, b, 0o644)
	}
}

// marshal encodes what this package itself made, which cannot fail.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("ocitest: %v", err))
	}
	return b
}

// Compress returns the blob of a layer.
func Compress(tar []byte, c Compression) []byte {
	var buf bytes.Buffer
	switch c {
	case Gzip:
		gz := gzip.NewWriter(&buf)
		_, _ = gz.Write(tar)
		_ = gz.Close()
	case Zstd:
		zw, err := zstd.NewWriter(&buf)
		if err != nil {
			panic(fmt.Sprintf("ocitest: %v", err))
		}
		_, _ = zw.Write(tar)
		_ = zw.Close()
	default:
		return tar
	}
	return buf.Bytes()
}
