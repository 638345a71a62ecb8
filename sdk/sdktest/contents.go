package sdktest

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"banger/internal/fstree"
	"banger/sdk/tree"
)

// compare looks into an image, if the kit can, and wants everything that is
// not as in the tree to be among the losses.
func (k *kit) compare(ctx context.Context, j *job) error {
	var got []fstree.Record
	var err error
	options := fstree.Options{SkipXattr: fstree.HostXattr, Skip: []string{"lost+found"}}
	switch {
	case k.config.Mount != nil:
		got, err = k.mounted(ctx, j.req.Output, options)
	case k.description.MediaType == "application/x-tar":
		got, err = readTar(j.req.Output)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	want := fstree.FromTree(j.tree, options)
	want, got = j.forgive(want), j.forgive(got)
	if lines := fstree.Diff(want, got, 5); len(lines) > 0 {
		return fmt.Errorf("the image is not the tree, and no loss says so:\n  %s", strings.Join(lines, "\n  "))
	}
	return nil
}

func (k *kit) mounted(ctx context.Context, image string, o fstree.Options) ([]fstree.Record, error) {
	dir, done, err := k.config.Mount(ctx, image)
	if err != nil {
		return nil, err
	}
	list, err := fstree.List(ctx, dir, o)
	return list, errors.Join(err, done())
}

// forgive drops from a listing what the builder said it lost.
func (j *job) forgive(list []fstree.Record) []fstree.Record {
	fields := make(map[string][]string)
	for _, l := range j.losses {
		fields[l.Path] = append(fields[l.Path], l.Field)
	}
	lost := func(r *fstree.Record, names ...string) bool {
		return slices.ContainsFunc(fields[r.Path], func(f string) bool { return slices.Contains(names, f) })
	}
	out := list[:0:0]
	for _, r := range list {
		if lost(&r, "type", "device", "path", "name") {
			continue
		}
		if lost(&r, "owner", "uid", "gid") {
			r.UID, r.GID = 0, 0
		}
		if lost(&r, "mode") {
			r.Mode = 0
		}
		if lost(&r, "mtime") {
			r.MTime = tree.Time{}
		}
		if lost(&r, "links") {
			r.Link = ""
		}
		if lost(&r, "content") {
			r.Size, r.SHA256 = 0, [sha256.Size]byte{}
		}
		r.Xattrs = slices.DeleteFunc(slices.Clone(r.Xattrs), func(x tree.Xattr) bool { return lost(&r, "xattr:"+x.Name, "xattrs") })
		out = append(out, r)
	}
	regroup(out)
	return out
}

// regroup names each group of hardlinks anew after the first of the names that
// are left in it; a name that is left alone is in none.
func regroup(list []fstree.Record) {
	groups := make(map[string][]*fstree.Record)
	for i := range list {
		if r := &list[i]; r.Link != "" {
			groups[r.Link] = append(groups[r.Link], r)
		}
	}
	for _, names := range groups {
		first := names[0].Path
		if len(names) == 1 {
			first = ""
		}
		for _, r := range names {
			r.Link = first
		}
	}
}

// readTar lists a tar as a directory would be.
func readTar(image string) ([]fstree.Record, error) {
	f, err := os.Open(image)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	byPath := map[string]fstree.Record{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the tar: %w", err)
		}
		rec := fromHeader(h)
		if h.Typeflag == tar.TypeLink {
			first := byPath[clean(h.Linkname)]
			if first.Link == "" {
				first.Link = first.Path
				byPath[first.Path] = first
			}
			rec, rec.Path = first, clean(h.Name)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return nil, fmt.Errorf("read the tar: %s: %w", h.Name, err)
		}
		if rec.Type == tree.Regular && h.Typeflag != tar.TypeLink {
			sum.Sum(rec.SHA256[:0])
		}
		byPath[rec.Path] = rec
	}
	return sorted(byPath), nil
}

func sorted(byPath map[string]fstree.Record) []fstree.Record {
	groups := map[string]string{} // the smallest name by the first in the tar
	for p, r := range byPath {
		if least, ok := groups[r.Link]; r.Link != "" && (!ok || p < least) {
			groups[r.Link] = p
		}
	}
	list := make([]fstree.Record, 0, len(byPath))
	for _, r := range byPath {
		if r.Link != "" {
			r.Link = groups[r.Link]
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b fstree.Record) int { return strings.Compare(a.Path, b.Path) })
	return list
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func fromHeader(h *tar.Header) fstree.Record {
	types := map[byte]tree.Type{
		tar.TypeReg: tree.Regular, tar.TypeDir: tree.Directory, tar.TypeSymlink: tree.Symlink,
		tar.TypeChar: tree.CharDevice, tar.TypeBlock: tree.BlockDevice, tar.TypeFifo: tree.Fifo,
	}
	r := fstree.Record{
		Path: clean(h.Name), Type: types[h.Typeflag], Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid),
		MTime: tree.Time{Sec: h.ModTime.Unix(), Nsec: uint32(h.ModTime.Nanosecond())},
	}
	switch r.Type {
	case tree.Regular:
		r.Size = h.Size
	case tree.Symlink:
		r.Target = h.Linkname
	case tree.CharDevice, tree.BlockDevice:
		r.Major, r.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			r.Xattrs = append(r.Xattrs, tree.Xattr{Name: name, Value: value})
		}
	}
	slices.SortFunc(r.Xattrs, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return r
}
