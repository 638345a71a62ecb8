// Command mkimage writes the demo image, an OCI layout of two layers around
// the init of demo/init. Equal init and architecture give equal bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	initPath := flag.String("init", "", "static `executable` that becomes /sbin/init")
	arch := flag.String("arch", runtime.GOARCH, "architecture of the init")
	out := flag.String("o", "", "OCI layout `directory` to write; an older one is replaced")
	flag.Parse()
	if err := run(*initPath, *arch, *out); err != nil {
		fmt.Fprintf(os.Stderr, "mkimage: %v\n", err)
		os.Exit(1)
	}
}

func run(initPath, arch, out string) error {
	program, err := os.ReadFile(initPath)
	if err != nil {
		return fmt.Errorf("read init: %w", err)
	}
	img, err := newImage(program, arch)
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+".")
	if err != nil {
		return fmt.Errorf("make temporary directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := write(tmp, img, arch); err != nil {
		return fmt.Errorf("write layout: %w", err)
	}
	return replace(out, tmp)
}

// replace puts the finished layout at tmp in place of the one at out, and
// refuses to remove anything that is not a layout.
func replace(out, tmp string) error {
	if _, err := os.Lstat(out); err == nil {
		if _, err := os.Stat(filepath.Join(out, "oci-layout")); err != nil {
			return fmt.Errorf("replace %s: it is no OCI layout: %w", out, err)
		}
		if err := os.RemoveAll(out); err != nil {
			return fmt.Errorf("replace %s: %w", out, err)
		}
	}
	if err := publish(tmp); err != nil {
		return fmt.Errorf("let others read the layout: %w", err)
	}
	if err := os.Rename(tmp, out); err != nil {
		return fmt.Errorf("put layout in place: %w", err)
	}
	return nil
}

// publish lets every user read what lies below dir.
func publish(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}

func write(dir string, img v1.Image, arch string) error {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return path.AppendImage(img,
		layout.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}),
		layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "latest"}))
}

// newImage puts the two layers and their config together.
func newImage(program []byte, arch string) (v1.Image, error) {
	created := v1.Time{Time: time.Unix(epoch, 0).UTC()}
	base := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	base = mutate.ConfigMediaType(base, types.OCIConfigJSON)
	img, err := mutate.ConfigFile(base, &v1.ConfigFile{
		Created:      created,
		Architecture: arch,
		OS:           "linux",
		RootFS:       v1.RootFS{Type: "layers"},
		Config:       v1.Config{Cmd: []string{"/sbin/init"}, WorkingDir: "/"},
	})
	if err != nil {
		return nil, fmt.Errorf("set config: %w", err)
	}
	lower, upper := lowerEntries(program), upperEntries()
	upper = append(upper, facts(lower, upper))
	for i, entries := range [][]entry{lower, upper} {
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return tarOf(entries) },
			tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: created, CreatedBy: "demo/mkimage"}})
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return img, nil
}
