package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// native are the contests of the builder ext4 with one image, an OCI layout:
// cold, against decompressing and against other tools, and with its layers
// unpacked, against a copy of the result.
func (s setup) native(name, layout string) []contest {
	store, image := filepath.Join(s.dir, name+"-store"), filepath.Join(s.dir, name+".ext4")
	bundle, rival := filepath.Join(s.dir, name+"-bundle"), filepath.Join(s.dir, name+"-rival.ext4")
	build := side{"banger build, ext4", s.build("ext4", layout, store, image)}
	anew := func() error { return removeAll(store, image, bundle, rival) }
	teardown := func() error { return removeAll(bundle, rival) }
	return []contest{
		{
			name: name + ": cold build, ext4, and decompressing the largest layer", image: layout, ours: build,
			rival:   side{"klauspost gunzip", []string{s.self, "-gunzip", layout}},
			prepare: anew, limit: 1.25, peakMiB: 150,
		},
		{
			name: name + ": cold build, ext4", image: layout, ours: build,
			rival:   side{"umoci unpack, mkfs.ext4 -d", []string{"sh", "-ec", unpackAndMkfs, "sh", layout + ":latest", bundle, rival}},
			prepare: anew, limit: 0.25, teardown: teardown,
		},
		{
			name: name + ": warm build, ext4: layers unpacked, image not built", image: layout, ours: build,
			rival:   side{"cp --sparse=always", []string{"cp", "--sparse=always", image, rival}},
			before:  func(ctx context.Context) error { return command(ctx, build.args...) },
			prepare: func() error { return forget(store, image, rival) }, limit: 1.3, peakMiB: 150,
			teardown: func() error { return removeAll(store, image, rival) },
		},
	}
}

// build is a command that builds an image.
func (s setup) build(builder, layout, store, image string) []string {
	return []string{s.banger, "build", "--quiet", "--builder", builder, "--store", store, "-o", image, "oci:" + layout}
}

// forget removes files, and from a store the images that were built.
func forget(store string, files ...string) error {
	built, err := filepath.Glob(filepath.Join(store, "artifacts", "sha256", "*"))
	if err != nil {
		return err
	}
	return removeAll(append(built, files...)...)
}

// reflinked is the warm build of an image where the filesystem shares blocks.
func (s setup) reflinked(name, layout string) contest {
	mount := filepath.Join(s.dir, "xfs")
	store, image := filepath.Join(mount, name+"-store"), filepath.Join(mount, name+".ext4")
	build := side{"banger build, ext4", s.build("ext4", layout, store, image)}
	return contest{
		name: name + ": warm build, ext4, on XFS with reflink", image: layout, ours: build, rival: side{"true", []string{"true"}},
		before: func(ctx context.Context) error {
			if err := mountXFS(ctx, mount); err != nil {
				return fmt.Errorf("mount XFS: %w", err)
			}
			return command(ctx, build.args...)
		},
		prepare: func() error { return forget(store, image) }, overhead: 300 * time.Millisecond,
		teardown: func() error { return os.NewSyscallError("umount", syscall.Unmount(mount, 0)) },
	}
}
