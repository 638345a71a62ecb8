package flatten_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/opencontainers/go-digest"

	"banger/core/flatten"
	"banger/internal/tartest"
)

var update = flag.Bool("update", false, "note the tree of a new revision in "+goldenFile)

const goldenFile = "testdata/golden.json"

// golden is the tree of goldenLayers at a revision.
type golden struct {
	Revision int           `json:"revision"`
	Tree     digest.Digest `json:"tree"` // of the canonical tree file
}

// goldenLayers has each rule of flattening at least once. It stays as it was
// when it was first noted.
func goldenLayers() [][]byte {
	return [][]byte{
		tarOf(
			dir("etc/"), file("etc/motd", "old\n"), file("etc/gone", "gone"), symlink("motd", "/etc/motd"),
			dir("usr/"), dir("usr/lib/"), symlink("lib", "usr/lib"), file("lib/libc", "libc"),
			file("cache/a", "a"), file("cache/b", "b"), hardlink("cache/c", "cache/b"),
			device("dev/null", '3', 1, 3), device("dev/vda", '4', 254, 0), fifo("run/pipe"),
			pax("SCHILY.xattr.user.b=2", "SCHILY.xattr.user.a=1", "mtime=1500000000.25"),
			tartest.Entry(tartest.Header{Name: "bin/su", Mode: 0o4755, UID: 1000, GID: 42}, "suid"),
		),
		tarOf(
			file("etc/motd", "new\n"), file("etc/.wh.gone", ""),
			file("cache/.wh..wh..opq", ""), file("cache/d", "d"),
			hardlink("early", "late"), file("late", "late"),
			pax("SCHILY.xattr.user.c=3"), hardlink("bin/sudo", "bin/su"),
			file("implied/by/name", "x"), file("libdir", "file"),
		),
		tarOf(
			tartest.Entry(tartest.Header{Name: "etc/", Type: '5', Mode: 0o1770, UID: 7, GID: 8, MTime: -5}, ""),
			dir("libdir/"), file("lib/libm", "libm"), symlink("usr/share", "../var/share"), file("usr/share/doc", "doc"),
			file(".wh.run", ""), file("empty", ""), longName("long/"+string(bytes.Repeat([]byte("n"), 200))), file("short", "long"),
		),
	}
}

// TestGolden fails when the tree changes and the revision does not: a store
// must never mix the two.
func TestGolden(t *testing.T) {
	got := golden{flatten.Revision, goldenTree(t)}
	want, err := readGolden()
	if *update && (err != nil || want.Revision != got.Revision) {
		want, err = got, writeGolden(got)
	}
	switch {
	case err != nil:
		t.Fatal(err)
	case want.Revision != got.Revision:
		t.Errorf("revision %d is not noted: run with -update", got.Revision)
	case want.Tree != got.Tree:
		t.Errorf("trees changed: raise Revision and note the new digest with -update: %s was %s at revision %d", got.Tree, want.Tree, want.Revision)
	}
}

func goldenTree(t *testing.T) digest.Digest {
	t.Helper()
	u := unpackAll(t, goldenLayers()...)
	tr, err := flatten.Flatten(t.Context(), u.layers, flatten.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sum := digest.SHA256.Digester()
	if _, err := tr.WriteTo(sum.Hash()); err != nil {
		t.Fatal(err)
	}
	return sum.Digest()
}

func readGolden() (golden, error) {
	var g golden
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		return g, err
	}
	return g, json.Unmarshal(text, &g)
}

func writeGolden(g golden) error {
	text, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return os.WriteFile(goldenFile, append(text, '\n'), 0o644)
}
