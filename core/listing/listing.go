// Package listing writes a tree's entries for people and for other programs:
// as lines of text, as JSON, and as an mtree(5) specification.
//
// Names, targets and xattrs are raw bytes that an image's author chose. In
// every format they come out escaped, such that no control byte and nothing
// else that a terminal acts upon is ever written, and such that each listing
// is valid UTF-8. JSON and mtree say exactly what the tree says, and so does
// text, except that a space in a name is a space there.
//
// Writers are buffered inside; one Write of the destination takes up to
// 64 KiB. Listings depend on the tree alone.
package listing

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"banger/sdk/tree"
)

// each writes one piece for each entry of t, together with the entry that has
// its attributes: the same, or for a hardlink the inode's first.
func each(w *bufio.Writer, t *tree.Tree, put func(b []byte, e, inode *tree.Entry) []byte) error {
	var b []byte
	for i := range t.Entries {
		e := &t.Entries[i]
		inode := e
		if e.Type == tree.Hardlink {
			if inode = t.Lookup(e.Target); inode == nil {
				return fmt.Errorf("%w: hardlink %q to %q, which is not there", tree.ErrCorrupt, e.Path, e.Target)
			}
		}
		b = put(b[:0], e, inode)
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func newWriter(w io.Writer) *bufio.Writer { return bufio.NewWriterSize(w, 64<<10) }

// appendPrintable appends s with what a terminal cannot simply print as
// backslash and three octal digits for each byte, and backslash likewise.
func appendPrintable(b []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r) || r == '\\' {
			for i := range n {
				b = appendOctal(b, s[i])
			}
		} else {
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return b
}

func appendOctal(b []byte, c byte) []byte {
	return append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
}

// appendMode appends a mode as four octal digits.
func appendMode(b []byte, mode uint32) []byte {
	return append(b, '0'+byte(mode>>9&7), '0'+byte(mode>>6&7), '0'+byte(mode>>3&7), '0'+byte(mode&7))
}

func appendUint(b []byte, v uint32) []byte { return strconv.AppendUint(b, uint64(v), 10) }
