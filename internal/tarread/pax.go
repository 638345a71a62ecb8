package tarread

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"banger/sdk/tree"
)

// The records of pax(5), star, libarchive and GNU tar that are understood.
// All others are passed over.
const (
	paxPath, paxLinkpath               = "path", "linkpath"
	paxSize, paxUID, paxGID            = "size", "uid", "gid"
	paxMtime                           = "mtime"
	paxDevMajor, paxDevMinor           = "SCHILY.devmajor", "SCHILY.devminor"
	schilyXattr, libarchiveXattr       = "SCHILY.xattr.", "LIBARCHIVE.xattr."
	sparsePrefix                       = "GNU.sparse."
	sparseMajor, sparseMinor           = "GNU.sparse.major", "GNU.sparse.minor"
	sparseName, sparseMap              = "GNU.sparse.name", "GNU.sparse.map"
	sparseSize, sparseReal             = "GNU.sparse.size", "GNU.sparse.realsize"
	sparseOffset, sparseNum            = "GNU.sparse.offset", "GNU.sparse.numbytes"
	sparseBlocks                       = "GNU.sparse.numblocks"
	recordOverhead               int64 = 64 // of a map entry, for the bound on globals
)

// records are the understood records of extended headers.
type records map[string]string

func understood(key string) bool {
	switch key {
	case paxPath, paxLinkpath, paxSize, paxUID, paxGID, paxMtime, paxDevMajor, paxDevMinor:
		return true
	}
	return isXattr(key) || strings.HasPrefix(key, sparsePrefix)
}

func isXattr(key string) bool {
	return strings.HasPrefix(key, schilyXattr) || strings.HasPrefix(key, libarchiveXattr)
}

// readRecords reads the body of an 'x' or 'g' header.
func (r *Reader) readRecords() (records, error) {
	b, err := r.readPayload()
	if err != nil {
		return nil, err
	}
	recs := records{}
	var pairs []string
	for len(b) > 0 {
		key, value, n, err := parseRecord(b)
		if err != nil {
			return nil, err
		}
		b = b[n:]
		switch {
		case key == sparseOffset || key == sparseNum:
			if (key == sparseNum) != (len(pairs)%2 == 1) {
				return nil, fmt.Errorf("%w: %s out of turn", ErrFormat, key)
			}
			pairs = append(pairs, value)
		case understood(key):
			recs[key] = value
		}
	}
	if pairs != nil {
		recs[sparseMap] = strings.Join(pairs, ",")
	}
	return recs, nil
}

// parseRecord parses the record "LENGTH KEY=VALUE\n" that b begins with and
// returns its length. Only an attribute's value may hold NUL bytes.
func parseRecord(b []byte) (key, value string, n int, err error) {
	length, _, ok := bytes.Cut(b[:min(len(b), 20)], []byte{' '})
	if v, err := strconv.ParseUint(string(length), 10, 31); err == nil && v <= uint64(len(b)) {
		n = int(v)
	}
	if !ok || n < len(length)+len(" k=\n") || b[n-1] != '\n' {
		return "", "", 0, fmt.Errorf("%w: pax record begins %q", ErrFormat, b[:min(len(b), 20)])
	}
	k, v, ok := bytes.Cut(b[len(length)+1:n-1], []byte{'='})
	if !ok || len(k) == 0 || bytes.IndexByte(k, 0) >= 0 {
		return "", "", 0, fmt.Errorf("%w: pax record with the key %.40q", ErrFormat, k)
	}
	if key = string(k); !isXattr(key) && bytes.IndexByte(v, 0) >= 0 {
		return "", "", 0, fmt.Errorf("%w: NUL byte in the pax record %.40q", ErrFormat, k)
	}
	return key, string(v), n, nil
}

// readGlobals adds a 'g' header to what holds for all following members.
func (r *Reader) readGlobals() error {
	recs, err := r.readRecords()
	if err != nil {
		return err
	}
	for key, value := range recs {
		switch {
		case strings.HasPrefix(key, sparsePrefix):
		case value == "":
			delete(r.globals, key)
		default:
			r.globals[key] = value
		}
	}
	var size int64
	for key, value := range r.globals {
		size += int64(len(key)+len(value)) + recordOverhead
	}
	if !r.takeHeader(size) {
		return fmt.Errorf("%w: %d bytes in global headers", ErrHeaderSize, size)
	}
	return nil
}

// lookup returns the value that key has for the member that ext belongs to,
// or "" where the header block's own field counts.
func (r *Reader) lookup(ext *extensions, key string) string {
	if value, ok := ext.pax[key]; ok {
		return value
	}
	return r.globals[key]
}

// xattrs returns the member's attributes, sorted by name. Where several
// records give the same one, its own header wins over a global one, and
// SCHILY's plain form over libarchive's.
func (r *Reader) xattrs(ext *extensions) ([]tree.Xattr, error) {
	if len(r.globals) == 0 && len(ext.pax) == 0 {
		return nil, nil
	}
	attrs := map[string]string{}
	for _, recs := range []records{r.globals, ext.pax} {
		for _, prefix := range []string{libarchiveXattr, schilyXattr} {
			for _, key := range recs.keys(prefix) {
				name, value, err := decodeXattr(key, recs[key])
				if err != nil {
					return nil, err
				}
				if attrs[name] = value; value == "" && r.globals[key] != "" {
					delete(attrs, name)
				}
			}
		}
	}
	var out []tree.Xattr
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		out = append(out, tree.Xattr{Name: name, Value: attrs[name]})
	}
	return out, nil
}

// keys returns the sorted keys that begin with prefix.
func (recs records) keys(prefix string) []string {
	var keys []string
	for key := range recs {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// decodeXattr returns the attribute that a record holds.
func decodeXattr(key, value string) (string, string, error) {
	name, plain := strings.CutPrefix(key, schilyXattr)
	if !plain {
		var err error
		if name, value, err = decodeLibarchive(strings.TrimPrefix(key, libarchiveXattr), value); err != nil {
			return "", "", err
		}
	}
	if name == "" || strings.IndexByte(name, 0) >= 0 {
		return "", "", fmt.Errorf("%w: xattr name %q", ErrFormat, name)
	}
	return name, value, nil
}

// decodeLibarchive decodes what libarchive writes: a name with %XX escapes
// and a value in base64, with or without its padding.
func decodeLibarchive(name, value string) (string, string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) {
			if c, err := hex.DecodeString(name[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(name[i])
	}
	v, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	if err != nil {
		return "", "", fmt.Errorf("%w: value of LIBARCHIVE.xattr.%s: %w", ErrFormat, name, err)
	}
	return b.String(), string(v), nil
}
