package tartest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// MTime is the modification time of what the convenience functions make.
const MTime = 1_500_000_000

// Join puts entries together and ends the archive with two zero blocks.
func Join(parts ...[]byte) []byte {
	return append(bytes.Join(parts, nil), make([]byte, 2*BlockSize)...)
}

// PAX returns an extended header for the next entry with "key=value" records,
// whose lengths it works out.
func PAX(records ...string) []byte { return RawPAX('x', Records(records...)) }

// GlobalPAX returns an extended header for all following entries.
func GlobalPAX(records ...string) []byte { return RawPAX('g', Records(records...)) }

// RawPAX returns an extended header of type 'x' or 'g' with the payload as it
// is.
func RawPAX(typ byte, payload string) []byte {
	return Entry(Header{Name: "PaxHeaders.0/entry", Type: typ, Mode: 0o644, MTime: MTime}, payload)
}

// Records encodes "key=value" records as pax(5) has them: a decimal length
// that counts itself, a space, the record, a newline.
func Records(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		n := len(r) + 2
		for {
			full := len(r) + 2 + len(strconv.Itoa(n))
			if full == n {
				break
			}
			n = full
		}
		fmt.Fprintf(&b, "%d %s\n", n, r)
	}
	return b.String()
}

// GNULongName returns the 'L' entry that gives the next entry its name.
func GNULongName(s string) []byte { return gnuLong('L', s) }

// GNULongLink returns the 'K' entry that gives the next entry its link name.
func GNULongLink(s string) []byte { return gnuLong('K', s) }

func gnuLong(typ byte, s string) []byte {
	return Entry(Header{Name: "././@LongLink", Type: typ, Format: GNU}, s+"\x00")
}

// File returns a regular file, 0644, owned by 0:0.
func File(name, body string) []byte {
	return Entry(Header{Name: name, Mode: 0o644, MTime: MTime}, body)
}

// Dir returns a directory, 0755, owned by 0:0.
func Dir(name string) []byte {
	return Entry(Header{Name: name, Type: '5', Mode: 0o755, MTime: MTime}, "")
}

// Symlink returns a symbolic link, 0777, owned by 0:0.
func Symlink(name, target string) []byte {
	return Entry(Header{Name: name, Linkname: target, Type: '2', Mode: 0o777, MTime: MTime}, "")
}

// Hardlink returns a hard link to target, 0644, owned by 0:0.
func Hardlink(name, target string) []byte {
	return Entry(Header{Name: name, Linkname: target, Type: '1', Mode: 0o644, MTime: MTime}, "")
}

// Device returns a character ('3') or block ('4') device, 0600, owned by 0:0.
func Device(name string, typ byte, major, minor int64) []byte {
	return Entry(Header{Name: name, Type: typ, Mode: 0o600, MTime: MTime, Major: major, Minor: minor}, "")
}

// Fifo returns a named pipe, 0644, owned by 0:0.
func Fifo(name string) []byte {
	return Entry(Header{Name: name, Type: '6', Mode: 0o644, MTime: MTime}, "")
}
