package tree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sort"

	"google.golang.org/protobuf/encoding/protowire"
)

// formatVersion is TreeHeader.version.
const formatVersion = 1

// MediaType of a tree file.
const MediaType = "application/vnd.banger.tree.v1"

// ErrCorrupt is wrapped by every error about a tree file whose bytes are not
// a valid tree.
var ErrCorrupt = errors.New("not a valid tree")

// Tree is a whole flattened root in memory: metadata only, contents stay in
// the packs of its Layers.
type Tree struct {
	Layers  []string // diffIDs ("sha256:HEX") that extents refer to
	Entries []Entry  // sorted by Path; the first is the root ""
}

// Lookup returns the entry at path, or nil. The tree must be sorted.
func (t *Tree) Lookup(path string) *Entry {
	if i := t.Index(path); i >= 0 {
		return &t.Entries[i]
	}
	return nil
}

// Index returns the index of the entry at path, or -1. The tree must be
// sorted.
func (t *Tree) Index(path string) int {
	i := sort.Search(len(t.Entries), func(i int) bool { return t.Entries[i].Path >= path })
	if i == len(t.Entries) || t.Entries[i].Path != path {
		return -1
	}
	return i
}

// WriteTo writes the canonical tree file. Equal trees give equal bytes.
func (t *Tree) WriteTo(w io.Writer) (int64, error) {
	bw := bufio.NewWriterSize(w, 64<<10)
	var n int64
	var buf, msg []byte
	put := func() error {
		buf = protowire.AppendBytes(buf[:0], msg)
		k, err := bw.Write(buf)
		n += int64(k)
		return err
	}
	msg = t.appendHeader(nil)
	if err := put(); err != nil {
		return n, fmt.Errorf("write tree: %w", err)
	}
	for i := range t.Entries {
		msg = AppendEntry(msg[:0], &t.Entries[i])
		if err := put(); err != nil {
			return n, fmt.Errorf("write tree: %w", err)
		}
	}
	if err := bw.Flush(); err != nil {
		return n, fmt.Errorf("write tree: %w", err)
	}
	return n, nil
}

func (t *Tree) appendHeader(b []byte) []byte {
	b = appendUint(b, headerVersion, formatVersion)
	for _, l := range t.Layers { // repeated: an empty one counts, too
		b = protowire.AppendString(protowire.AppendTag(b, headerLayers, protowire.BytesType), l)
	}
	return appendUint(b, headerEntries, uint64(len(t.Entries)))
}
