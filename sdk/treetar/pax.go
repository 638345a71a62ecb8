package treetar

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"banger/sdk/tree"
)

// records collects the records of one pax extended header.
type records struct {
	buf     []byte
	charset bool // hdrcharset is there
}

func (r *records) reset() { r.buf, r.charset = r.buf[:0], false }

// add appends a record "LENGTH KEY=VALUE\n", whose length counts itself.
func (r *records) add(key, value string) {
	rest := len(" =\n") + len(key) + len(value)
	n := rest + len(strconv.Itoa(rest))
	if len(strconv.Itoa(n)) > len(strconv.Itoa(rest)) {
		n++
	}
	r.buf = strconv.AppendInt(r.buf, int64(n), 10)
	r.buf = append(r.buf, ' ')
	r.buf = append(r.buf, key...)
	r.buf = append(r.buf, '=')
	r.buf = append(r.buf, value...)
	r.buf = append(r.buf, '\n')
}

func (r *records) number(key string, v int64) { r.add(key, strconv.FormatInt(v, 10)) }

// text appends a name. pax(1) takes names for UTF-8, to be converted to the
// reader's locale; hdrcharset keeps a reader from touching other bytes. GNU
// tar does not know that record, says so, and takes the bytes as they are.
func (r *records) text(key, value string) {
	if !r.charset && !utf8.ValidString(value) {
		r.add("hdrcharset", "BINARY")
		r.charset = true
	}
	r.add(key, value)
}

func (w *writer) xattrs(xattrs []tree.Xattr) {
	for _, x := range xattrs {
		if strings.IndexByte(x.Name, '=') < 0 {
			w.pax.add("SCHILY.xattr."+x.Name, x.Value)
			continue
		}
		w.pax.add("LIBARCHIVE.xattr."+escapeName(x.Name), base64.RawStdEncoding.EncodeToString([]byte(x.Value)))
	}
}

// escapeName writes a name as libarchive's url_encode does.
func escapeName(name string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c < '!' || c > '~' || c == '%' || c == '=' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// flushPax writes the collected records, if any, as an extended header for
// the entry at path.
func (w *writer) flushPax(path string) error {
	if len(w.pax.buf) == 0 {
		return nil
	}
	var b block
	copy(b[0:nameSize], auxiliaryName("PaxHeaders.0/", path))
	b.octal(100, 8, 0o644)
	b.octal(108, 8, 0)
	b.octal(116, 8, 0)
	b.octal(124, 12, int64(len(w.pax.buf)))
	b.octal(136, 12, 0)
	b[156] = 'x'
	b.seal()
	if _, err := w.w.Write(b[:]); err != nil {
		return err
	}
	if _, err := w.w.Write(w.pax.buf); err != nil {
		return err
	}
	return w.pad(blockSize)
}

// auxiliaryName makes a name that only readers without pax see.
func auxiliaryName(dir, path string) string {
	name := dir + tree.Base(path)
	return name[:min(len(name), nameSize-1)]
}
