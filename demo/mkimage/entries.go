package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// epoch is the modification time of whatever needs no time of its own:
// 2024-01-01 00:00:00 UTC.
const epoch = 1704067200

// entry is one member of a layer. Without a time it gets epoch.
type entry struct {
	tar.Header
	body  string
	xattr string // "NAME=VALUE"
}

func dir(path string, mode int64) entry {
	return entry{Header: tar.Header{Typeflag: tar.TypeDir, Name: path + "/", Mode: mode}}
}

func file(path string, mode int64, body string) entry {
	return entry{Header: tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: mode, Size: int64(len(body))}, body: body}
}

func symlink(path, target string) entry {
	return entry{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: path, Linkname: target, Mode: 0o777}}
}

// hardlink takes the mode that the inode has, since a link's own attributes
// apply to it.
func hardlink(path string, mode int64, target string) entry {
	return entry{Header: tar.Header{Typeflag: tar.TypeLink, Name: path, Linkname: target, Mode: mode}}
}

func node(kind byte, path string, mode, major, minor int64) entry {
	return entry{Header: tar.Header{Typeflag: kind, Name: path, Mode: mode, Devmajor: major, Devminor: minor}}
}

// by gives the entry an owner.
func (e entry) by(uid, gid int) entry {
	e.Uid, e.Gid = uid, gid
	return e
}

// at gives the entry a modification time.
func (e entry) at(sec, nsec int64) entry {
	e.ModTime = time.Unix(sec, nsec)
	return e
}

// with gives the entry an extended attribute.
func (e entry) with(xattr string) entry {
	e.xattr = xattr
	return e
}

// header returns the entry's tar header, complete.
func (e entry) header() tar.Header {
	h := e.Header
	h.Format = tar.FormatPAX
	if h.ModTime.IsZero() {
		h.ModTime = time.Unix(epoch, 0)
	}
	if key, value, ok := strings.Cut(e.xattr, "="); ok {
		h.PAXRecords = map[string]string{"SCHILY.xattr." + key: value}
	}
	return h
}

// tarOf writes a layer.
func tarOf(entries []entry) (io.ReadCloser, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := e.header()
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("write %s: %w", h.Name, err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			return nil, fmt.Errorf("write %s: %w", h.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("end tar: %w", err)
	}
	return io.NopCloser(&buf), nil
}
