package tarread_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"pgregory.net/rapid"

	"banger/internal/tartest"
)

// archive prints itself without its padding.
type archive []byte

func (a archive) GoString() string {
	return fmt.Sprintf("%q", bytes.FieldsFunc(a, func(c rune) bool { return c == 0 }))
}

// archives draws valid archives of all the forms that Go's reader knows.
var archives = rapid.Custom(func(t *rapid.T) archive {
	var parts [][]byte
	for range rapid.IntRange(0, 6).Draw(t, "entries") {
		parts = append(parts, entries.Draw(t, "entry"))
	}
	return tartest.Join(parts...)
})

var names = rapid.StringMatching(`[./a-c\x80-\xff]{1,40}`)

var entries = rapid.Custom(func(t *rapid.T) []byte {
	h := tartest.Header{
		Name: names.Draw(t, "name"), Linkname: names.Draw(t, "link"),
		Type:   rapid.SampledFrom([]byte("0123456")).Draw(t, "type"),
		Format: rapid.SampledFrom([]tartest.Format{tartest.V7, tartest.Ustar, tartest.GNU, tartest.Star}).Draw(t, "format"),
		Mode:   rapid.Int64Range(0, 0o177777).Draw(t, "mode"),
		UID:    rapid.Int64Range(0, math.MaxUint32).Draw(t, "uid"),
		GID:    rapid.Int64Range(0, 1<<21).Draw(t, "gid"),
		MTime:  rapid.Int64Range(-1<<40, 1<<40).Draw(t, "mtime"),
		Major:  rapid.Int64Range(0, 1<<20).Draw(t, "major"), Minor: rapid.Int64Range(0, math.MaxUint32).Draw(t, "minor"),
		NulType: rapid.Bool().Draw(t, "nul"), Base256: rapid.Bool().Draw(t, "base256"), SignedSum: rapid.Bool().Draw(t, "signed"),
		Prefix: rapid.StringMatching(`[a-c]{0,9}`).Draw(t, "prefix"),
	}
	body := ""
	if h.Type == '0' && !h.NulType {
		body = rapid.StringN(0, 1200, -1).Draw(t, "body")
	}
	if h.Type == '0' && !h.NulType && rapid.Bool().Draw(t, "sparse") {
		return drawSparse(t, h, body)
	}
	return bytes.Join([][]byte{drawExtension(t), tartest.Entry(h, body)}, nil)
})

// drawSparse makes a sparse file of one of the four kinds.
func drawSparse(t *rapid.T, h tartest.Header, body string) []byte {
	segments, size := drawMap(t, int64(len(body)))
	real := fmt.Sprintf("GNU.sparse.size=%d", size)
	blocks := fmt.Sprintf("GNU.sparse.numblocks=%d", len(segments))
	var flat, pairs []string
	for _, s := range segments {
		flat = append(flat, fmt.Sprintf("%d,%d", s.Offset, s.Length))
		pairs = append(pairs, fmt.Sprintf("GNU.sparse.offset=%d", s.Offset), fmt.Sprintf("GNU.sparse.numbytes=%d", s.Length))
	}
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0 && h.Format == tartest.GNU:
		h.Type, h.Sparse, h.RealSize = 'S', segments, size
		return tartest.Entry(h, body)
	case kind == 1:
		return append(tartest.PAX("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=real", real), tartest.Entry(h, blockOf(mapOf(segments))+body)...)
	case kind == 2:
		return append(tartest.PAX(append(pairs, real, blocks)...), tartest.Entry(h, body)...)
	}
	return append(tartest.PAX("GNU.sparse.map="+strings.Join(flat, ","), "GNU.sparse.name=real", real, blocks), tartest.Entry(h, body)...)
}

// drawMap spreads stored bytes over a file.
func drawMap(t *rapid.T, stored int64) ([]tartest.Segment, int64) {
	var end int64
	segments := []tartest.Segment{{}}
	for stored > 0 {
		n := rapid.Int64Range(max(1, stored/30), stored).Draw(t, "length")
		end += rapid.Int64Range(0, 5000).Draw(t, "hole")
		segments = append(segments, tartest.Segment{Offset: end, Length: n})
		end, stored = end+n, stored-n
	}
	return segments, end + rapid.Int64Range(0, 5000).Draw(t, "tail")
}

func drawExtension(t *rapid.T) []byte {
	switch rapid.IntRange(0, 3).Draw(t, "extension") {
	case 0:
		return tartest.GNULongName(strings.Repeat(names.Draw(t, "long"), 9))
	case 1:
		return tartest.GNULongLink(strings.Repeat(names.Draw(t, "long"), 9))
	case 2:
		records := []string{
			"path=" + names.Draw(t, "path"), "linkpath=" + names.Draw(t, "linkpath"),
			fmt.Sprintf("uid=%d", rapid.Uint32().Draw(t, "paxuid")),
			fmt.Sprintf("mtime=%d.%d", rapid.Int64Range(-1<<50, 1<<50).Draw(t, "sec"), rapid.Uint64().Draw(t, "frac")),
			"SCHILY.xattr.user.x=" + rapid.StringN(1, 9, -1).Draw(t, "xattr"), "comment=x",
		}
		return tartest.PAX(rapid.SliceOfDistinct(rapid.SampledFrom(records), rapid.ID).Draw(t, "records")...)
	}
	return nil
}
