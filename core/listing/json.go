package listing

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"banger/sdk/tree"
)

// JSON writes t as one object: "layers", the diffIDs that extents refer to by
// their index, and "entries", one object on a line for each path.
//
// The fields of an entry are those of tree.proto: path, type ("file",
// "directory", "symlink", "hardlink", "char", "block", "fifo"), mode (four
// octal digits in a string), uid, gid, mtime_sec, mtime_nsec, xattrs (a list
// of name and value), target, dev_major, dev_minor, links, size, sha256 (in
// hexadecimal) and extents (offset, layer, pack_offset, length). Path and type
// are always there, the rest where it means something for the type; a
// hardlink has only its target.
//
// A path, target, xattr name or xattr value that is valid UTF-8 is a string
// under its name. Any other is the base64 of its bytes under that name with
// "_base64" added, so the two cannot be taken for each other:
//
//	{"path":"a"}   {"path_base64":"/w=="}
func JSON(w io.Writer, t *tree.Tree) error {
	bw := newWriter(w)
	b := append([]byte(nil), `{"layers":[`...)
	for i, l := range t.Layers {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, l)
	}
	_, err := bw.Write(append(b, `],"entries":[`...))
	if err == nil {
		sep := "\n"
		err = each(bw, t, func(b []byte, e, _ *tree.Entry) []byte {
			b = appendObject(append(b, sep...), e)
			sep = ",\n"
			return b
		})
	}
	if err == nil {
		_, err = bw.WriteString("\n]}\n")
	}
	if err == nil {
		err = bw.Flush()
	}
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

var jsonTypes = [...]string{
	tree.Regular: "file", tree.Directory: "directory", tree.Symlink: "symlink", tree.Hardlink: "hardlink",
	tree.CharDevice: "char", tree.BlockDevice: "block", tree.Fifo: "fifo",
}

func appendObject(b []byte, e *tree.Entry) []byte {
	b = appendRaw(append(b, '{'), "path", e.Path)
	b = append(append(b, `,"type":"`...), jsonTypes[e.Type]...)
	b = append(b, '"')
	if e.Type == tree.Hardlink {
		return append(appendRaw(append(b, ','), "target", e.Target), '}')
	}
	b = append(appendMode(append(b, `,"mode":"`...), e.Mode), '"')
	b = appendUint(append(b, `,"uid":`...), e.UID)
	b = appendUint(append(b, `,"gid":`...), e.GID)
	b = strconv.AppendInt(append(b, `,"mtime_sec":`...), e.MTime.Sec, 10)
	b = appendUint(append(b, `,"mtime_nsec":`...), e.MTime.Nsec)
	b = appendList(b, "xattrs", e.Xattrs, func(b []byte, x tree.Xattr) []byte {
		return appendRaw(append(appendRaw(b, "name", x.Name), ','), "value", x.Value)
	})
	if e.Links > 1 {
		b = appendUint(append(b, `,"links":`...), e.Links)
	}
	switch e.Type {
	case tree.Regular:
		b = appendContent(b, e)
	case tree.Symlink:
		b = appendRaw(append(b, ','), "target", e.Target)
	case tree.CharDevice, tree.BlockDevice:
		b = appendUint(append(b, `,"dev_major":`...), e.DevMajor)
		b = appendUint(append(b, `,"dev_minor":`...), e.DevMinor)
	}
	return append(b, '}')
}

func appendContent(b []byte, e *tree.Entry) []byte {
	b = strconv.AppendInt(append(b, `,"size":`...), e.Size, 10)
	b = append(hex.AppendEncode(append(b, `,"sha256":"`...), e.SHA256[:]), '"')
	return appendList(b, "extents", e.Extents, func(b []byte, x tree.Extent) []byte {
		return fmt.Appendf(b, `"offset":%d,"layer":%d,"pack_offset":%d,"length":%d`, x.Offset, x.Layer, x.PackOffset, x.Length)
	})
}

// appendList appends a member with a list of objects, unless it is empty.
func appendList[T any](b []byte, name string, list []T, fields func([]byte, T) []byte) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":[`...)
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(fields(append(b, '{'), v), '}')
	}
	return append(b, ']')
}

// appendRaw appends a member whose value is raw bytes.
func appendRaw(b []byte, name, s string) []byte {
	b = append(append(b, '"'), name...)
	if utf8.ValidString(s) {
		return appendString(append(b, `":`...), s)
	}
	b = base64.StdEncoding.AppendEncode(append(b, `_base64":"`...), []byte(s))
	return append(b, '"')
}

// appendString appends valid UTF-8 as a JSON string, with \u for everything
// that is not printable, as RFC 8259 section 7 allows for any character.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r <= 0xffff:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		}
	}
	return append(b, '"')
}
