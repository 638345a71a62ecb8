package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// image is what is read of an OCI layout with one image.
type image struct {
	dir      string
	manifest descriptor
	layers   []descriptor
}

type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
}

func readImage(dir string) (*image, error) {
	var index struct{ Manifests []descriptor }
	if err := readJSON(filepath.Join(dir, "index.json"), &index); err != nil {
		return nil, err
	}
	if len(index.Manifests) != 1 {
		return nil, fmt.Errorf("%s has %d images, not one", dir, len(index.Manifests))
	}
	im := &image{dir: dir, manifest: index.Manifests[0]}
	var manifest struct{ Layers []descriptor }
	err := readJSON(im.blob(im.manifest.Digest), &manifest)
	im.layers = manifest.Layers
	return im, err
}

func readJSON(path string, v any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

func (im *image) blob(d digest.Digest) string {
	return filepath.Join(im.dir, "blobs", "sha256", d.Encoded())
}

// largest is the file of the largest layer.
func (im *image) largest() string {
	var most descriptor
	for _, l := range im.layers {
		if l.Size >= most.Size {
			most = l
		}
	}
	return im.blob(most.Digest)
}

// ServeHTTP answers as a registry with the image under every name does, with
// as little work as can be: the files go from the page cache to the socket.
func (im *image) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/manifests/") {
		w.Header().Set("Content-Type", im.manifest.MediaType)
		w.Header().Set("Docker-Content-Digest", im.manifest.Digest.String())
		http.ServeFile(w, r, im.blob(im.manifest.Digest))
		return
	}
	_, rest, found := strings.Cut(r.URL.Path, "/blobs/")
	if !found {
		return // the handshake
	}
	d, err := digest.Parse(rest)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeFile(w, r, im.blob(d))
}

// serve runs a registry with the image until ctx ends and returns its address.
func (im *image) serve(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("start registry: %w", err)
	}
	srv := &http.Server{Handler: im, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "bench: registry: %v\n", err)
		}
	}()
	return l.Addr().String(), nil
}
