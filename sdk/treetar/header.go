package treetar

import (
	"fmt"
	"math"
	"strings"

	"banger/sdk/tree"
)

// The widths and limits of the ustar header, POSIX.1-2017 pax(1),
// "ustar Interchange Format".
const (
	nameSize   = 100
	prefixSize = 155
	linkSize   = 100
	maxOctal7  = 1<<21 - 1 // mode, uid, gid, devmajor, devminor
	maxOctal11 = 1<<33 - 1 // size, mtime
)

// typeflags are ustar's letters for the types of a tree.
var typeflags = [...]byte{
	tree.Regular:     '0',
	tree.Hardlink:    '1',
	tree.Symlink:     '2',
	tree.CharDevice:  '3',
	tree.BlockDevice: '4',
	tree.Directory:   '5',
	tree.Fifo:        '6',
}

// header writes m's headers: a pax header where one is needed, then the ustar
// header. Non-nil regions announce a sparse body.
func (w *writer) header(m *member, regions []region) error {
	if !m.typ.Valid() {
		return fmt.Errorf("%w: %q has the unknown type %d", tree.ErrCorrupt, m.path, m.typ)
	}
	w.pax.reset()
	var b block
	if regions != nil {
		w.sparseName(&b, m)
	} else {
		w.name(&b, m)
	}
	w.linkname(&b, m.link)
	b[156] = typeflags[m.typ]
	w.attributes(&b, m.inode)
	b.octal(124, 12, min(w.size(m, regions), maxOctal11))
	w.xattrs(m.inode.Xattrs)
	if err := w.flushPax(m.path); err != nil {
		return err
	}
	b.seal()
	_, err := w.w.Write(b[:])
	return err
}

// size returns the length of m's body in the archive, having recorded it when
// it does not fit the header.
func (w *writer) size(m *member, regions []region) int64 {
	if m.typ != tree.Regular {
		return 0
	}
	n := m.inode.Size
	if regions != nil {
		n = storedSize(regions)
	}
	if n > maxOctal11 {
		w.pax.number("size", n)
	}
	return n
}

// name writes m's name, split at a slash between name and prefix where that
// makes it fit, and as a record where nothing does.
func (w *writer) name(b *block, m *member) {
	name := m.path
	switch {
	case name == "":
		name = "./"
	case m.typ == tree.Directory:
		name += "/"
	}
	prefix, rest, ok := splitName(name)
	if !ok {
		w.pax.text("path", name)
		rest = name[:nameSize]
	}
	copy(b[0:nameSize], rest)
	copy(b[345:345+prefixSize], prefix)
}

// linkname writes where m leads, as a record where it does not fit.
func (w *writer) linkname(b *block, link string) {
	if len(link) > linkSize {
		w.pax.text("linkpath", link)
	}
	copy(b[157:157+linkSize], link)
}

// splitName splits a name that is longer than the name field such that name
// is prefix + "/" + rest and both fit.
func splitName(name string) (prefix, rest string, ok bool) {
	if len(name) <= nameSize {
		return "", name, true
	}
	for i := min(len(name)-2, prefixSize); i > 0 && len(name)-i-1 <= nameSize; i-- {
		if name[i] == '/' {
			return name[:i], name[i+1:], true
		}
	}
	return "", "", false
}

// attributes writes what an inode has besides names and content.
func (w *writer) attributes(b *block, inode *tree.Entry) {
	b.octal(100, 8, int64(inode.Mode))
	w.id(b, 108, "uid", inode.UID)
	w.id(b, 116, "gid", inode.GID)
	if t := inode.MTime; t.Nsec != 0 || t.Sec < 0 || t.Sec > maxOctal11 {
		w.pax.add("mtime", formatTime(t))
	}
	b.octal(136, 12, min(max(inode.MTime.Sec, 0), maxOctal11))
	if inode.Type == tree.CharDevice || inode.Type == tree.BlockDevice {
		b.device(329, inode.DevMajor)
		b.device(337, inode.DevMinor)
	}
}

func (w *writer) id(b *block, at int, record string, v uint32) {
	if v > maxOctal7 {
		w.pax.number(record, int64(v))
	}
	b.octal(at, 8, min(int64(v), maxOctal7))
}

// formatTime writes t as pax(1) says: decimal seconds, with a fraction only
// where there is one.
func formatTime(t tree.Time) string {
	if t.Nsec == 0 {
		return fmt.Sprint(t.Sec)
	}
	sign, sec, nsec := "", uint64(t.Sec), t.Nsec
	if t.Sec < 0 { // -2 s + 0.25 s is -1.75 s
		sign, sec, nsec = "-", uint64(-(t.Sec + 1)), 1_000_000_000-t.Nsec
	}
	return strings.TrimRight(fmt.Sprintf("%s%d.%09d", sign, sec, nsec), "0")
}

// block is one ustar header.
type block [blockSize]byte

// octal writes v, zero-padded, into the width bytes at, the last a NUL.
func (b *block) octal(at, width int, v int64) {
	for i := at + width - 2; i >= at; i-- {
		b[i] = byte('0' + v&7)
		v >>= 3
	}
	b[at+width-1] = 0
}

// device writes a device number: octal, or as GNU tar base-256 when it does
// not fit. No pax record for it is understood by all readers.
func (b *block) device(at int, v uint32) {
	if v <= maxOctal7 {
		b.octal(at, 8, int64(v))
		return
	}
	b[at] = 0x80
	for i := range 4 {
		b[at+7-i] = byte(v >> (8 * i) & math.MaxUint8)
	}
}

// seal writes the magic and the checksum.
func (b *block) seal() {
	copy(b[257:265], "ustar\x0000")
	copy(b[148:156], "        ")
	var sum int64
	for _, c := range b {
		sum += int64(c)
	}
	b.octal(148, 7, sum)
}
