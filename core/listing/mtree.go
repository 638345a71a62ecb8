package listing

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"banger/sdk/tree"
)

// Mtree writes t as an mtree(5) specification with full paths, one line each:
// type, mode, uid, gid, time with nanoseconds, nlink of what is not a
// directory, size and sha256digest of files, link of symlinks, device of
// devices, and xattrs as go-mtree writes them: xattr.NAME=BASE64, a keyword
// that libarchive does not know and warns of. Further names of an inode are
// lines like the first; nlink tells that there are several.
//
// Names and targets are escaped as by vis(3) with VIS_OCTAL, VIS_WHITE and
// VIS_GLOB: every byte but printable ASCII, and of that "\", "#", "*", "?",
// "[" and the space, is a backslash and three octal digits. So is a "=" in the
// name of an xattr.
func Mtree(w io.Writer, t *tree.Tree) error {
	bw := newWriter(w)
	_, err := bw.WriteString("#mtree v2.0\n")
	if err == nil {
		err = each(bw, t, appendMtree)
	}
	if err == nil {
		err = bw.Flush()
	}
	if err != nil {
		return fmt.Errorf("write mtree: %w", err)
	}
	return nil
}

// mtreeTypes are the values of the keyword type.
var mtreeTypes = [...]string{
	tree.Regular: "file", tree.Directory: "dir", tree.Symlink: "link",
	tree.CharDevice: "char", tree.BlockDevice: "block", tree.Fifo: "fifo",
}

func appendMtree(b []byte, e, inode *tree.Entry) []byte {
	b = append(b, '.')
	if e.Path != "" {
		b = appendVis(append(b, '/'), e.Path)
	}
	b = append(append(b, " type="...), mtreeTypes[inode.Type]...)
	b = appendMode(append(b, " mode="...), inode.Mode)
	b = appendUint(append(b, " uid="...), inode.UID)
	b = appendUint(append(b, " gid="...), inode.GID)
	b = appendSeconds(append(b, " time="...), inode.MTime)
	if inode.Type != tree.Directory {
		b = appendUint(append(b, " nlink="...), max(inode.Links, 1))
	}
	switch inode.Type {
	case tree.Regular:
		b = strconv.AppendInt(append(b, " size="...), inode.Size, 10)
		b = hex.AppendEncode(append(b, " sha256digest="...), inode.SHA256[:])
	case tree.Symlink:
		b = appendVis(append(b, " link="...), inode.Target)
	case tree.CharDevice, tree.BlockDevice:
		b = appendUint(append(b, " device=native,"...), inode.DevMajor)
		b = appendUint(append(b, ','), inode.DevMinor)
	}
	for _, x := range inode.Xattrs {
		name := appendVis(nil, x.Name)
		b = append(append(b, " xattr."...), bytes.ReplaceAll(name, []byte("="), []byte(`\075`))...)
		b = append(b, '=')
		b = base64.StdEncoding.AppendEncode(b, []byte(x.Value))
	}
	return append(b, '\n')
}

func appendVis(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, c == '\\', c == '#', c == '*', c == '?', c == '[':
			b = appendOctal(b, c)
		default:
			b = append(b, c)
		}
	}
	return b
}
