package mkfsdebugfs

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"banger/internal/ext4"
	"banger/plugins/internal/imagebuild"
	"banger/plugins/internal/mkext4"
	"banger/sdk/tree"
)

// device is a name of a device that is to be made in the image.
type device struct {
	entry       int
	dir         uint32
	placeholder string
	block       bool
}

// makeDevices makes an inode for each name of a device. debugfs cannot be told
// every name, so it makes them under placeholders of the same length, which
// are then overwritten in their directories.
func makeDevices(ctx context.Context, j *mkext4.Job) error {
	var devices []device
	err := read(ctx, j, func(_ *ext4.Image, m *mkext4.Match) (err error) {
		devices, err = planDevices(j.Tree, m)
		return err
	})
	if err != nil || len(devices) == 0 {
		return err
	}
	s, err := j.NewScript()
	if err != nil {
		return err
	}
	defer s.Close()
	for _, d := range devices {
		s.Mknod(d.dir, d.placeholder, d.block)
	}
	if err := s.Run(ctx); err != nil {
		return err
	}
	return nameDevices(ctx, j, devices)
}

// planDevices finds what is missing in the image, which may only be devices.
func planDevices(t *tree.Tree, m *mkext4.Match) ([]device, error) {
	var devices []device
	used := make(map[string]bool)
	for i, n := range m.Inodes {
		if n != 0 {
			continue
		}
		e := &t.Entries[i]
		kind := t.Entries[imagebuild.Target(t, i)].Type
		if !ext4.IsDevice(kind) {
			return nil, fmt.Errorf("read the image back: mkfs.ext4 has left out %q", e.Path)
		}
		name, err := placeholder(t, e.Path, used)
		if err != nil {
			return nil, err
		}
		dir := m.Inodes[t.Index(tree.Dir(e.Path))]
		devices = append(devices, device{entry: i, dir: dir, placeholder: name, block: kind == tree.BlockDevice})
	}
	return devices, nil
}

// placeholder returns a name of letters and digits, as long as path's, that
// nothing else in its directory has, in the tree or in used.
func placeholder(t *tree.Tree, path string, used map[string]bool) (string, error) {
	const base = 36
	length := len(tree.Base(path))
	parent := strings.TrimSuffix(path, tree.Base(path))
	for k := uint64(0); ; k++ {
		digits := strconv.FormatUint(k, base)
		if len(digits) > length {
			return "", fmt.Errorf("make device %q: no name of %d letters and digits is free in its directory", path, length)
		}
		name := strings.Repeat("0", length-len(digits)) + digits
		if full := parent + name; !used[full] && t.Lookup(full) == nil {
			used[full] = true
			return name, nil
		}
	}
}

// nameDevices gives devices their names.
func nameDevices(ctx context.Context, j *mkext4.Job, devices []device) error {
	names := make(map[uint32]map[string]string) // by directory, by placeholder
	for _, d := range devices {
		if names[d.dir] == nil {
			names[d.dir] = make(map[string]string)
		}
		names[d.dir][d.placeholder] = tree.Base(j.Tree.Entries[d.entry].Path)
	}
	img, err := ext4.OpenRW(j.Image)
	if err != nil {
		return err
	}
	for dir, placeholders := range names {
		if err = ctx.Err(); err == nil {
			err = rename(img, dir, placeholders)
		}
		if err != nil {
			break
		}
	}
	if closeErr := img.Close(); err == nil {
		err = closeErr
	}
	return err
}

// rename renames entries of a directory.
func rename(img *ext4.Image, dir uint32, names map[string]string) error {
	inode, err := img.Inode(dir)
	if err != nil {
		return err
	}
	list, err := img.ReadDir(&inode)
	if err != nil {
		return err
	}
	for _, d := range list {
		if name, ok := names[d.Name]; ok {
			if err := img.Relink(&inode, d, name, d.Inode); err != nil {
				return err
			}
		}
	}
	return nil
}
