package tarread

import (
	"fmt"
	"strings"

	"banger/sdk/tree"
)

// member makes the member that h, ext and the global headers describe, and
// leaves the reader at its data.
func (r *Reader) member(h *header, ext *extensions) (*Member, error) {
	m := &Member{Entry: tree.Entry{
		Path: firstOf(ext.name, r.lookup(ext, paxPath), h.name),
		Mode: uint32(h.mode) & 0o7777,
	}}
	if name := ext.pax[sparseName]; name != "" {
		m.Path = name
	}
	if err := r.fill(m, h, ext); err != nil {
		return nil, fmt.Errorf("%q: %w", m.Path, err)
	}
	return m, nil
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (r *Reader) fill(m *Member, h *header, ext *extensions) (err error) {
	if m.Type, err = typeOf(h.typ, m.Path); err != nil {
		return err
	}
	if m.UID, err = r.id(ext, paxUID, h.uid); err != nil {
		return err
	}
	if m.GID, err = r.id(ext, paxGID, h.gid); err != nil {
		return err
	}
	m.MTime = tree.Time{Sec: h.mtime}
	if s := r.lookup(ext, paxMtime); s != "" {
		if m.MTime, err = parseTime(s); err != nil {
			return err
		}
	}
	if m.Xattrs, err = r.xattrs(ext); err != nil {
		return err
	}
	switch m.Type {
	case tree.Symlink, tree.Hardlink:
		m.Target = firstOf(ext.link, r.lookup(ext, paxLinkpath), h.link)
	case tree.CharDevice, tree.BlockDevice:
		if err := r.device(m, h, ext); err != nil {
			return err
		}
	}
	return r.body(m, h, ext)
}

// typeOf tells what a type flag stands for; see the package comment.
func typeOf(flag byte, path string) (tree.Type, error) {
	switch flag {
	case 0:
		if strings.HasSuffix(path, "/") {
			return tree.Directory, nil
		}
	case '1':
		return tree.Hardlink, nil
	case '2':
		return tree.Symlink, nil
	case '3':
		return tree.CharDevice, nil
	case '4':
		return tree.BlockDevice, nil
	case '5', 'D':
		return tree.Directory, nil
	case '6':
		return tree.Fifo, nil
	case 'M', 'N':
		return 0, fmt.Errorf("%w: entry of type %q belongs to a multi-volume or obsolete archive", ErrFormat, flag)
	}
	return tree.Regular, nil
}

// id returns an owner's number. The pax record wins over the header.
func (r *Reader) id(ext *extensions, key string, v int64) (uint32, error) {
	if s := r.lookup(ext, key); s != "" {
		var err error
		if v, err = parseDecimal(s); err != nil {
			return 0, fmt.Errorf("%s: %w", key, err)
		}
	}
	return uint32Of(key, v)
}

func (r *Reader) device(m *Member, h *header, ext *extensions) error {
	for _, d := range []struct {
		key   string
		raw   []byte
		value *uint32
	}{
		{paxDevMajor, h.block[329:337], &m.DevMajor},
		{paxDevMinor, h.block[337:345], &m.DevMinor},
	} {
		var v int64
		var err error
		if s := r.lookup(ext, d.key); s != "" {
			v, err = parseDecimal(s)
		} else if h.dialect != v7 {
			v, err = parseNumber(d.raw)
		}
		if err != nil {
			return fmt.Errorf("device number: %w", err)
		}
		if *d.value, err = uint32Of("device number", v); err != nil {
			return err
		}
	}
	return nil
}

// body sets how many bytes are stored for m and where in the file they lie.
func (r *Reader) body(m *Member, h *header, ext *extensions) error {
	stored := h.size
	if s := r.lookup(ext, paxSize); s != "" {
		var err error
		if stored, err = parseDecimal(s); err != nil {
			return fmt.Errorf("size: %w", err)
		}
	}
	if m.Type != tree.Regular && h.typ != 'D' {
		stored = 0
	}
	r.setBody(stored)
	if h.typ == 'S' || ext.pax.sparse() {
		return r.sparse(m, h, ext)
	}
	if m.Type == tree.Regular && stored > 0 {
		m.Size, m.Segments = stored, []Segment{{0, stored}}
	}
	return nil
}
