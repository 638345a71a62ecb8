package fstree

import (
	"fmt"
	"maps"
	"slices"

	"banger/sdk/tree"
)

// Diff compares two sorted listings and returns a readable line for each
// field that differs and each path that only one of them has; nil if they are
// equal. It returns at most most lines, and one more that counts the rest.
func Diff(want, got []Record, most int) []string {
	d := differ{most: most}
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0].Path < got[0].Path:
			d.line(want[0].Path, "missing, want a %s", want[0].Type)
			want = want[1:]
		case len(want) == 0 || got[0].Path < want[0].Path:
			d.line(got[0].Path, "a %s that should not be there", got[0].Type)
			got = got[1:]
		default:
			d.records(&want[0], &got[0])
			want, got = want[1:], got[1:]
		}
	}
	if d.more > 0 {
		d.lines = append(d.lines, fmt.Sprintf("... and %d differences more", d.more))
	}
	return d.lines
}

type differ struct {
	lines      []string
	most, more int
}

func (d *differ) line(path, format string, args ...any) {
	if len(d.lines) >= d.most {
		d.more++
		return
	}
	d.lines = append(d.lines, fmt.Sprintf("%q: ", path)+fmt.Sprintf(format, args...))
}

// records compares two records of one path.
func (d *differ) records(want, got *Record) {
	if want.Type != got.Type {
		d.line(want.Path, "want a %s, got a %s", want.Type, got.Type)
		return
	}
	for _, c := range []struct {
		field     string
		want, got any
		format    string
	}{
		{"mode", want.Mode, got.Mode, "%#o"},
		{"owner", [2]uint32{want.UID, want.GID}, [2]uint32{got.UID, got.GID}, "%d"},
		{"mtime", want.MTime, got.MTime, "%d"},
		{"target", want.Target, got.Target, "%q"},
		{"device", [2]uint32{want.Major, want.Minor}, [2]uint32{got.Major, got.Minor}, "%d"},
		{"size", want.Size, got.Size, "%d"},
		{"sha256", want.SHA256, got.SHA256, "%x"},
		{"hardlink of", want.Link, got.Link, "%q"},
	} {
		if c.want != c.got {
			d.line(want.Path, "%s: want "+c.format+", got "+c.format, c.field, c.want, c.got)
		}
	}
	d.xattrs(want, got)
}

func (d *differ) xattrs(want, got *Record) {
	if slices.Equal(want.Xattrs, got.Xattrs) {
		return
	}
	values := map[string][2]*string{}
	for side, list := range [][]tree.Xattr{want.Xattrs, got.Xattrs} {
		for i := range list {
			v := values[list[i].Name]
			v[side] = &list[i].Value
			values[list[i].Name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch v := values[name]; {
		case v[1] == nil:
			d.line(want.Path, "xattr %q: missing, want %s", name, short(*v[0]))
		case v[0] == nil:
			d.line(want.Path, "xattr %q: should not be there, got %s", name, short(*v[1]))
		case *v[0] != *v[1]:
			d.line(want.Path, "xattr %q: want %s, got %s", name, short(*v[0]), short(*v[1]))
		}
	}
}

// short quotes an xattr's value, of which a line shows 64 bytes.
func short(s string) string {
	if len(s) > 64 {
		return fmt.Sprintf("%q... (%d bytes)", s[:64], len(s))
	}
	return fmt.Sprintf("%q", s)
}
