package main

import (
	"archive/tar"
	"fmt"
	"slices"
	"strings"

	"banger/demo/internal/fact"
)

// gone is what the second layer takes away of the first.
var gone = []string{"etc/removed", "srv/opaque/hidden", "srv/second"}

// facts is the file of what the flattened layers must be. What an initramfs
// and init mount over is left out.
func facts(lower, upper []entry) entry {
	var list []fact.Fact
	for _, path := range gone {
		list = append(list, fact.Fact{Path: path, Absent: true})
	}
	for i, e := range slices.Concat(lower, upper) {
		path := strings.TrimSuffix(e.Name, "/")
		replaced := i < len(lower) && slices.ContainsFunc(upper, func(u entry) bool { return u.Name == e.Name })
		if !replaced && !unchecked(path) {
			list = append(list, e.toFact())
		}
	}
	var text strings.Builder
	for _, f := range list {
		fmt.Fprintln(&text, f)
	}
	return file(fact.Path, 0o644, text.String())
}

func unchecked(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	if slices.Contains([]string{"dev", "proc", "run", "sys"}, top) {
		return true
	}
	return slices.Contains(gone, path) || strings.Contains(path, ".wh.")
}

// typeBits are st_mode's.
var typeBits = map[byte]uint32{
	tar.TypeFifo:    0o010000,
	tar.TypeDir:     0o040000,
	tar.TypeBlock:   0o060000,
	tar.TypeReg:     0o100000,
	tar.TypeSymlink: 0o120000,
}

// toFact returns what a faithful root filesystem has at the entry's path.
func (e entry) toFact() fact.Fact {
	h := e.header()
	f := fact.Fact{
		Path:  strings.TrimSuffix(h.Name, "/"),
		Mode:  typeBits[h.Typeflag] | uint32(h.Mode),
		UID:   uint32(h.Uid),
		GID:   uint32(h.Gid),
		MTime: h.ModTime,
		Xattr: e.xattr,
	}
	if h.Typeflag != tar.TypeDir {
		f.Links = 1
		f.Target = h.Linkname
	}
	return f
}
