package unpack_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/unpack"
	"banger/internal/need"
	"banger/internal/tartest"
	"banger/sdk/tree"
)

// alpine returns the one layer of a real docker-archive, and the diffID that
// its config gives.
func alpine(t testing.TB) (blob []byte, diffID digest.Digest) {
	path := need.File(t, "../../../shared/images/alpine-3.11-docker-archive.tar.gz", "it is shared beside the checkout")
	f, err := os.Open(path)
	must(err)
	defer func() { must(f.Close()) }()
	z, err := gzip.NewReader(f)
	must(err)
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(err)
		files[h.Name], err = io.ReadAll(r)
		must(err)
	}
	var manifest []struct {
		Config string
		Layers []string
	}
	var config struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		}
	}
	must(json.Unmarshal(files["manifest.json"], &manifest))
	must(json.Unmarshal(files[manifest[0].Config], &config))
	return files[manifest[0].Layers[0]], config.RootFS.DiffIDs[0]
}

// TestAlpine holds a real layer against archive/tar.
func TestAlpine(t *testing.T) {
	blob, diffID := alpine(t)
	out, x := mustRun(t, gzipped(blob), blob)
	if out.DiffID != diffID {
		t.Errorf("diffID %s, want %s", out.DiffID, diffID)
	}
	r := tar.NewReader(bytes.NewReader(blob))
	for i := range x.Entries {
		h, err := r.Next()
		must(err)
		data, err := io.ReadAll(r)
		must(err)
		e := &x.Entries[i]
		if e.Path != h.Name || e.Target != h.Linkname || int64(e.Mode) != h.Mode&0o7777 || int(e.UID) != h.Uid ||
			int(e.GID) != h.Gid || !e.MTime.Time().Equal(h.ModTime) {
			t.Errorf("entry %d: %+v, Go has %+v", i, e, h)
		}
		if e.Type == tree.Regular && (e.Size != h.Size || e.SHA256 != sha256.Sum256(data)) {
			t.Errorf("entry %d: %s: wrong content", i, e.Path)
		}
		if got, ok := content(e, out.pack.Bytes()); e.Type == tree.Regular && (!ok || got != string(data)) {
			t.Errorf("entry %d: %s: wrong content in the pack", i, e.Path)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) || len(x.Entries) < 400 {
		t.Errorf("%d entries, then %v", len(x.Entries), err)
	}
}

// FuzzUnpack unpacks any bytes under tight limits: no panic, no error without
// a sentinel, and what succeeds has a readable index and right contents.
func FuzzUnpack(f *testing.F) {
	for _, tar := range [][]byte{sample(), small(), nil, tartest.Join(tartest.GlobalPAX("uid=1"), tartest.File(strings.Repeat("a/", 40), "x"))} {
		for _, compress := range compressions {
			f.Add(compress(tar))
		}
	}
	f.Add(pieces(gzipped)(small()))
	f.Add(skippable(small()))
	lim := unpack.Limits{Entries: 100, HeaderSize: 8 << 10, FileSize: 1 << 20, TotalSize: 4 << 20}
	f.Fuzz(func(t *testing.T, blob []byte) {
		l := unpack.Layer{Digest: digest.FromBytes(blob), Size: int64(len(blob))}
		out, err := run(t.Context(), bytes.NewReader(blob), l, lim)
		if err != nil {
			if !isOneOf(err, unpack.ErrCorrupt, unpack.ErrLimit) {
				t.Fatalf("error without a sentinel: %v", err)
			}
			return
		}
		l.DiffID = out.DiffID
		if _, err := run(t.Context(), bytes.NewReader(blob), l, lim); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		checkContents(t, out)
	})
}
