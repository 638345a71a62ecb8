package listing

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"banger/sdk/tree"
)

// Text writes a line for each path, like tar -tv:
//
//	-rwsr-xr-x 0:0  72056 2023-03-23T12:00:00Z /usr/bin/su
//	crw-rw-rw- 0:0    1,3 2023-03-23T12:00:00Z /dev/null
//	lrwxrwxrwx 0:0      0 2023-03-23T12:00:00Z /bin -> usr/bin
//	hrwxr-xr-x 0:0      0 2023-03-23T12:00:00Z /usr/bin/perl5.36.0 link to /usr/bin/perl
//	-rwxr-xr-x 0:0  77232 2023-03-23T12:00:00Z /usr/bin/ping [security.capability=0x0100…]
//
// A further name of an inode has an h for its type and the inode's
// attributes. Bytes of names, targets and xattrs that are no printable UTF-8,
// and backslashes, are three octal digits after a backslash; an xattr's value
// is in quotes, or in hexadecimal when it is not printable as a whole.
func Text(w io.Writer, t *tree.Tree) error {
	bw := newWriter(w)
	if err := each(bw, t, appendLine); err != nil {
		return fmt.Errorf("write listing: %w", err)
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write listing: %w", err)
	}
	return nil
}

func appendLine(b []byte, e, inode *tree.Entry) []byte {
	b = appendModeString(b, e.Type, inode.Mode)
	b = append(b, ' ')
	owner := fmt.Sprintf("%d:%d", inode.UID, inode.GID)
	size := strconv.FormatInt(e.Size, 10)
	if e.Type == tree.CharDevice || e.Type == tree.BlockDevice {
		size = fmt.Sprintf("%d,%d", e.DevMajor, e.DevMinor)
	}
	b = append(b, owner...)
	for range max(1, 14-len(owner)-len(size)) { // columns, as long as they are short
		b = append(b, ' ')
	}
	b = append(b, size...)
	b = append(b, ' ')
	b = appendTime(b, inode.MTime)
	b = append(b, " /"...)
	b = appendPrintable(b, e.Path)
	switch e.Type {
	case tree.Symlink:
		b = appendPrintable(append(b, " -> "...), e.Target)
	case tree.Hardlink:
		b = appendPrintable(append(b, " link to /"...), e.Target)
	}
	return append(appendXattrs(b, inode.Xattrs), '\n')
}

var typeLetters = [...]byte{
	tree.Regular: '-', tree.Directory: 'd', tree.Symlink: 'l', tree.Hardlink: 'h',
	tree.CharDevice: 'c', tree.BlockDevice: 'b', tree.Fifo: 'p',
}

// appendModeString appends the ten characters of ls -l.
func appendModeString(b []byte, typ tree.Type, mode uint32) []byte {
	letter := byte('?')
	if typ.Valid() {
		letter = typeLetters[typ]
	}
	b = append(b, letter)
	const rwx = "rwxrwxrwx"
	start := len(b)
	for i := range len(rwx) {
		if mode&(1<<(8-i)) != 0 {
			b = append(b, rwx[i])
		} else {
			b = append(b, '-')
		}
	}
	for i, special := range []byte("sst") { // set-user-id, set-group-id, sticky
		if mode&(0o4000>>i) == 0 {
			continue
		}
		at := &b[start+3*i+2]
		if *at == '-' {
			special -= 'a' - 'A'
		}
		*at = special
	}
	return b
}

// appendTime appends a time as in RFC 3339, or as "@SECONDS.NANOSECONDS"
// where its year has no four digits.
func appendTime(b []byte, t tree.Time) []byte {
	if when := t.Time(); t.Sec >= -62135596800 && when.Year() <= 9999 { // from the year 1 on
		return when.AppendFormat(b, "2006-01-02T15:04:05.999999999Z07:00")
	}
	return appendSeconds(append(b, '@'), t)
}

// appendSeconds appends a time as a struct timespec: seconds, which may be
// negative, and nine digits of nanoseconds to add to them.
func appendSeconds(b []byte, t tree.Time) []byte {
	b = strconv.AppendInt(b, t.Sec, 10)
	b = append(b, '.')
	for div := uint32(100_000_000); div > 0; div /= 10 {
		b = append(b, '0'+byte(t.Nsec/div%10))
	}
	return b
}

func appendXattrs(b []byte, xattrs []tree.Xattr) []byte {
	for i, x := range xattrs {
		if i == 0 {
			b = append(b, " ["...)
		} else {
			b = append(b, ' ')
		}
		b = append(appendPrintable(b, x.Name), '=')
		if isPrintable(x.Value) {
			b = strconv.AppendQuote(b, x.Value)
		} else {
			b = hex.AppendEncode(append(b, "0x"...), []byte(x.Value))
		}
		if i == len(xattrs)-1 {
			b = append(b, ']')
		}
	}
	return b
}

func isPrintable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}
